import type { DatabaseFacts } from '../../postgres/database-facts.js';

export interface RowDifference {
  table: string;
  /** Null: there is no such table. */
  before: number | null;
  after: number | null;
}

export interface RestorePreview {
  /** Where the new content comes from: a file, or the name of a previous database. */
  from: string;
  database: string;
  rows: RowDifference[];
  /** What can be said about a dump without a manifest. */
  notes: string[];
}

export interface RestoreInput {
  restartClients: boolean;
  /** Asks for confirmation before the live database is touched; throws to stop. */
  confirm: (preview: RestorePreview) => Promise<void>;
  /** Asks for confirmation before a backup of another project is used; throws to stop. */
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
   * Name of the previous database; for a physical backup, the folder of the previous data. Null: there was
   * none.
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
  const rowsOf = (tables: DatabaseFacts['tables']) => new Map(tables.map(({ name, rows }) => [name, rows]));
  const [rowsBefore, rowsAfter] = [rowsOf(before), rowsOf(after)];
  return [...names].sort().map((table) => ({
    table,
    before: rowsBefore.get(table) ?? null,
    after: rowsAfter.get(table) ?? null,
  }));
}
