import type { Columns, Row } from './column.js';
import type { Server } from './server.js';

/**
 * Severity of an advice: `info` improves size or speed, `warn` will become a problem, `fail` is a problem
 * now.
 */
export type Weight = 'fail' | 'warn' | 'info';

/** A finding, in words without a secret. */
export interface Advice {
  weight: Weight;
  message: string;
  /** The command to type or the edit to make. */
  next: string;
}

/** Limits above which something takes too long. */
export interface Limits {
  /** Minutes for which a transaction may be open. */
  transactionMinutes: number;
  /** Seconds for which a session may wait for a lock. */
  waitSeconds: number;
}

/** One section of the inspection. It only reads, and waits for no lock. */
export interface Section<C extends Columns = Columns> {
  /** Stable: `--section` and scripts use it. */
  readonly id: string;
  readonly title: string;
  /** The meaning of the rows, in a sentence or two. */
  readonly meaning: string;
  readonly columns: C;
  /**
   * Returns a query with these columns, most interesting rows first. It must work for a role without any
   * privilege, on a replica, and on every PostgreSQL from 15 on.
   */
  sql(server: Server): string;
  /** Returns why this server cannot be asked, and what to type to change that. */
  lacks?(server: Server): { reason: string; next: string } | undefined;
  /** Returns dangerous findings. `invctl doctor` reports them too. */
  dangers?(rows: readonly Row<C>[], server: Server, limits: Limits): Advice[];
  /** Returns other findings. */
  hints?(rows: readonly Row<C>[], server: Server): Advice[];
}

/** Declares a section; the type of its rows follows from its columns. */
export function defineSection<const C extends Columns>(section: Section<C>): Section<C> {
  return section;
}
