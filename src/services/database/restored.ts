import type { DatabaseFacts } from '../../postgres/database-facts.js';

export interface RowDifference {
  table: string;
  /** Null: there is no such table. */
  before: number | null;
  after: number | null;
}

export interface RestorePreview {
  /** Where the new content comes from: a file, or the name of an earlier database. */
  from: string;
  database: string;
  rows: RowDifference[];
  /** What a dump without a manifest says about itself. */
  notes: string[];
}

export interface RestoreInput {
  restartClients: boolean;
  /** Asked before the live database is touched; throws to stop. */
  confirm: (preview: RestorePreview) => Promise<void>;
  /** Asked before anything is done with a backup of another project; throws to stop. */
  confirmForeign?: (project: string) => Promise<void>;
  onProgress?: (phase: RestorePhase, bytes: number, expected: number) => void;
}

export type RestorePhase = 'fetch' | 'check' | 'copy' | 'load' | 'compare' | 'swap' | 'restart';

export interface Restored {
  /** Where the content came from. */
  from: string;
  /** The live database. */
  restored: string;
  /**
   * What the database before it is called now; of a physical backup, the folder that it lies in. Null: there was none.
   */
  previous: string | null;
  rows: RowDifference[];
  restarted: string[];
  /** Milliseconds in which nobody could connect. */
  swapMs: number;
}

/** Each table's rows before and after, by name. */
export function compareRows(
  before: DatabaseFacts['tables'],
  after: DatabaseFacts['tables'],
): RowDifference[] {
  const names = new Set([...before, ...after].map(({ name }) => name));
  const rowsOf = (tables: DatabaseFacts['tables'], name: string) =>
    tables.find((table) => table.name === name)?.rows ?? null;
  return [...names].sort().map((table) => ({
    table,
    before: rowsOf(before, table),
    after: rowsOf(after, table),
  }));
}
