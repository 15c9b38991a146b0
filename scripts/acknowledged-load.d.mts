export interface AcknowledgedLoad {
  /** Commits that were acknowledged so far. */
  count(): number;
  /** When the commit of an id was acknowledged: milliseconds of this machine's clock. */
  acknowledgedAt(id: string): number | undefined;
  /** Waits until the clients have ended; ids whose commit was acknowledged. */
  stop(): Promise<string[]>;
}

/** @param name that all ids of this load begin with. */
export function acknowledgedLoad(connectionString: string, name: string): AcknowledgedLoad;
