/** A value that uses a variable which is not set, and so became empty. */
export interface UnsetVariable {
  name: string;
  /** Absolute path. */
  file: string;
  /** 1-based lines of the value; of a compose file, where one environment holds for all, undefined. */
  lines?: { first: number; last: number };
}

/** @param unset where the warning is about a variable that is not set */
export type Warn = (message: string, unset?: UnsetVariable) => void;

/** What is noted while a project is read, also of one that is refused after all. */
export class ProjectNotes {
  /** What Compose would warn about, each once. */
  readonly warnings = new Set<string>();
  readonly unset: UnsetVariable[] = [];
  /** Absolute paths of the `.env` files that were read for `${…}`, those of an `include` too. */
  readonly envFiles = new Set<string>();

  readonly warn: Warn = (message, unset) => {
    this.warnings.add(message);
    if (unset) this.unset.push(unset);
  };
}
