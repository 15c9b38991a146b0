import pg, { type QueryResultRow } from 'pg';
import type { Database, Session, Statement } from '../database/database.js';
import { notFound, Problem } from '../problem.js';
import { eventOf } from '../webhooks/events.js';
import { type Actor, audited } from './audit.js';
import { type KeysetQuery, listPage, type Page } from './keyset.js';

/** An entity as JSON text, built by PostgreSQL. */
export interface Versioned {
  readonly id: number;
  readonly version: number;
  readonly json: string;
}

type VersionedRow = Versioned & QueryResultRow;

/** Column names and values. */
export type Fields = Readonly<Record<string, unknown>>;

/** A row ($1) in one of the versions that may be changed ($2), or in any. */
const OF_A_VERSION = 'id = $1 AND ($2::integer[] IS NULL OR version = ANY ($2))';

/** A table with id, version and updated_at, whose every change is audited. */
export class VersionedTable {
  protected readonly database: Database;
  readonly entity: string;
  readonly #table: string;
  readonly #shown: string;
  readonly #json: string;
  readonly #row: string;
  readonly #state: string | undefined;
  readonly #find: Statement;

  /**
   * @param entity its name in messages and in the audit log.
   * @param shown the columns that the API shows.
   * @param state what the audit log says of a row, as SQL over `changed`; without it, its columns.
   */
  constructor(database: Database, table: string, entity: string, shown: string, state?: string) {
    this.database = database;
    this.entity = entity;
    this.#table = table;
    this.#shown = shown;
    this.#state = state;
    this.#json = `row_to_json((SELECT shown FROM (SELECT ${shown}) AS shown))::text`;
    this.#row = `id, version, ${this.#json} AS json`;
    this.#find = { name: `${table}-find`, text: `SELECT ${this.#row} FROM ${table} WHERE id = $1` };
  }

  /** @throws {Problem} 404. */
  async find(id: number): Promise<Versioned> {
    const [row] = await this.database.read<VersionedRow>(this.#find, [id]);
    if (!row) throw notFound(this.entity);
    return row;
  }

  /** @param query with `shown` for a list that shows other columns; a row is `found` there. */
  list(query: Omit<KeysetQuery, 'table' | 'shown'> & Partial<Pick<KeysetQuery, 'shown'>>): Promise<Page> {
    return listPage(this.database, { shown: this.#shown, ...query, table: this.#table });
  }

  async create(fields: Fields, by: Actor): Promise<Versioned> {
    const columns = Object.keys(fields).map(pg.escapeIdentifier);
    const parameters = columns.map((_, index) => `$${index + 1}`);
    const change = `INSERT INTO ${this.#table} (${columns.join(', ')}) VALUES (${parameters.join(', ')}) RETURNING *`;
    const [row] = await this.#change(this.database, by, 'create', Object.values(fields), change);
    if (!row) throw new Error('INSERT returned no row');
    return row;
  }

  /**
   * Changes one row.
   *
   * @param versions the versions that may be changed; null for any.
   * @throws {Problem} 404, or 412 for another version.
   */
  async update(
    id: number,
    versions: readonly number[] | null,
    fields: Fields,
    by: Actor,
    { session = this.database, action = 'update' }: { session?: Session; action?: string } = {},
  ): Promise<Versioned> {
    const assignments = Object.keys(fields).map(
      (column, index) => `${pg.escapeIdentifier(column)} = $${index + 3}`,
    );
    const all = [...assignments, 'version = version + 1', 'updated_at = now()'];
    const change = `UPDATE ${this.#table} SET ${all.join(', ')} WHERE ${OF_A_VERSION} RETURNING *`;
    const [row] = await this.#change(session, by, action, [id, versions, ...Object.values(fields)], change);
    return row ?? this.#explain(id, session);
  }

  /** Removes one row. Errors as for `update`. */
  async remove(id: number, versions: readonly number[] | null, by: Actor): Promise<void> {
    const change = `DELETE FROM ${this.#table} WHERE ${OF_A_VERSION} RETURNING *`;
    const [row] = await this.#change(this.database, by, 'delete', [id, versions], change);
    if (!row) await this.#explain(id, this.database);
  }

  #change(
    session: Session,
    by: Actor,
    action: string,
    values: readonly unknown[],
    change: string,
  ): Promise<VersionedRow[]> {
    const type = eventOf(this.entity, action);
    return audited(session, {
      by,
      action,
      entity: this.entity,
      change,
      values,
      answer: this.#row,
      state: this.#state,
      event: type && { type, data: this.#json },
    });
  }

  /** @throws {Problem} */
  async #explain(id: number, session: Session): Promise<never> {
    const [row] = await session.query(this.#find, [id]);
    if (!row) throw notFound(this.entity);
    throw new Problem(412, 'stale', `The ${this.entity} was changed since you read it: read it again.`);
  }
}
