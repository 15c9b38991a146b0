import { type Scope, writes } from '../auth/api-keys.js';
import type { Database } from '../database/database.js';
import { notFound } from '../problem.js';
import { type Actor, audited } from './audit.js';
import { listPage, type Page } from './keyset.js';
import type { Role } from './users.js';

/** A key as far as a request needs to know one. */
export interface KeyPrincipal {
  readonly id: number;
  /** Its name. */
  readonly username: string;
  readonly role: Role;
  readonly scopes: readonly Scope[];
  /** Milliseconds since 1970; nothing for one without an end. */
  readonly expiresAt: number | null;
}

export interface ApiKeyFields {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** ISO 8601. */
  readonly expiresAt: string | null;
  readonly hash: Buffer;
  readonly start: string;
}

const COLUMNS = 'id, name, key_start, scopes, created_by, created_at, expires_at, last_used_at, revoked_at';
const SHOWN = `id, row_to_json((SELECT shown FROM (SELECT ${COLUMNS}) AS shown))::text AS json`;

const PRINCIPAL = {
  name: 'api-key-principal',
  text: `SELECT id, name, scopes, (extract(epoch FROM expires_at) * 1000)::bigint AS "expiresAt"
         FROM api_keys WHERE key_hash = $1 AND revoked_at IS NULL`,
};

/** A use is noted when the last note is older than this. */
export const USE_NOTED_EVERY_MS = 60_000;

interface KeyRow {
  readonly id: number;
  readonly json: string;
  readonly hash: Buffer;
}

/** Keys for machines. They are not removed, since the ledger names them: they are revoked. */
export class ApiKeys {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** @returns nothing for a key that is unknown, or revoked. */
  async principal(hash: Buffer): Promise<KeyPrincipal | undefined> {
    const [row] = await this.#database.read<{
      id: number;
      name: string;
      scopes: Scope[];
      expiresAt: number | null;
    }>(PRINCIPAL, [hash]);
    return row && { ...row, username: row.name, role: writes(row.scopes) ? 'manager' : 'viewer' };
  }

  /** Notes that a key was used now. */
  async noteUse(id: number): Promise<void> {
    await this.#database.query(
      {
        text: `UPDATE api_keys SET last_used_at = now()
               WHERE id = $1 AND (last_used_at < now() - make_interval(secs => $2) OR last_used_at IS NULL)`,
      },
      [id, USE_NOTED_EVERY_MS / 1000],
    );
  }

  /** The newest first. */
  list(
    limit: number,
    after: { readonly key: string | number; readonly id: number } | undefined,
  ): Promise<Page> {
    return listPage(this.#database, {
      table: 'api_keys',
      shown: COLUMNS,
      column: 'id',
      descending: true,
      limit,
      after,
      conditions: [],
    });
  }

  async add({ name, scopes, expiresAt, hash, start }: ApiKeyFields, by: Actor): Promise<KeyRow> {
    const [row] = await audited<KeyRow & Record<string, unknown>>(this.#database, {
      by,
      action: 'create',
      entity: 'api_key',
      change: `INSERT INTO api_keys (id, name, scopes, expires_at, key_hash, key_start, created_by)
               VALUES (nextval(pg_get_serial_sequence('users', 'id')), $1, $2, $3, $4, $5, $6) RETURNING *`,
      values: [name, [...new Set(scopes)], expiresAt, hash, start, by.userId],
      answer: `${SHOWN}, key_hash AS hash`,
    });
    if (!row) throw new Error('INSERT returned no row');
    return row;
  }

  /** Ends a key for good. One that was revoked before stays as it is. @throws {Problem} 404. */
  async revoke(id: number, by: Actor): Promise<KeyRow> {
    const answer = `${SHOWN}, key_hash AS hash`;
    const [row] = await audited<KeyRow & Record<string, unknown>>(this.#database, {
      by,
      action: 'revoke',
      entity: 'api_key',
      change: 'UPDATE api_keys SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL RETURNING *',
      values: [id],
      answer,
    });
    if (row) return row;
    const [revoked] = await this.#database.query<KeyRow & Record<string, unknown>>(
      { text: `SELECT ${answer} FROM api_keys WHERE id = $1` },
      [id],
    );
    if (!revoked) throw notFound('API key');
    return revoked;
  }
}
