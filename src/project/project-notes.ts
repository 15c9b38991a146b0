/** A value with a variable that is not set and so became empty. */
export interface UnsetVariable {
  name: string;
  /** Absolute path. */
  file: string;
  /**
   * 1-based lines of the value; undefined for a compose file, in which one environment applies to all lines.
   */
  lines?: { first: number; last: number };
}

/** @param unset if the warning is about a variable that is not set */
export type Warn = (message: string, unset?: UnsetVariable) => void;

/** Notes from reading a project, also from one that is refused in the end. */
export class ProjectNotes {
  /** Compose's warnings, without duplicates. */
  readonly warnings = new Set<string>();
  readonly unset: UnsetVariable[] = [];
  /** Absolute paths of the `.env` files that were read for `${…}`, including those of an `include`. */
  readonly envFiles = new Set<string>();

  readonly warn: Warn = (message, unset) => {
    this.warnings.add(message);
    if (unset) this.unset.push(unset);
  };
}
