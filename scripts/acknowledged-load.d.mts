export interface AcknowledgedLoad {
  /** Commits that were acknowledged so far. */
  count(): number;
  /** Waits until the clients have ended; ids whose commit was acknowledged. */
  stop(): Promise<string[]>;
}

/** @param name that all ids of this load begin with. */
export function acknowledgedLoad(connectionString: string, name: string): AcknowledgedLoad;
