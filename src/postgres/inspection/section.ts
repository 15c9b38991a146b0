import type { Columns, Row } from './column.js';
import type { Server } from './server.js';

/** What a look costs: `info` is for who wants it smaller or faster, `warn` hurts one day, `fail` hurts now. */
export type Weight = 'fail' | 'warn' | 'info';

/** Something that a look found, in words without a secret. */
export interface Advice {
  weight: Weight;
  message: string;
  /** What to type or to edit. */
  next: string;
}

/** From when on something takes too long. */
export interface Limits {
  /** Minutes that a transaction may be open. */
  transactionMinutes: number;
  /** Seconds that a session may wait for a lock. */
  waitSeconds: number;
}

/** A look into the server from one side. Reads only, and waits for no lock. */
export interface Section<C extends Columns = Columns> {
  /** Stable: `--section` and scripts name it. */
  readonly id: string;
  readonly title: string;
  /** What the rows mean, in a sentence or two. */
  readonly meaning: string;
  readonly columns: C;
  /**
   * A query with these columns, most interesting rows first. It has to work for a role without any right, on a
   * replica, and on every PostgreSQL from 15 on.
   */
  sql(server: Server): string;
  /** Why there is nothing to ask on this server, and what to type for it. */
  lacks?(server: Server): { reason: string; next: string } | undefined;
  /** What is dangerous. `invctl doctor` tells of the same. */
  dangers?(rows: readonly Row<C>[], server: Server, limits: Limits): Advice[];
  /** What else is worth a look. */
  hints?(rows: readonly Row<C>[], server: Server): Advice[];
}

/** Declares a section: its row's type follows from its columns. */
export function defineSection<const C extends Columns>(section: Section<C>): Section<C> {
  return section;
}
