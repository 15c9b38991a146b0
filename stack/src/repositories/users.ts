import type { Database } from '../database/database.js';
import { type Actor, audited } from './audit.js';

export const ROLES = ['viewer', 'manager', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** A user as far as a request needs to know one. */
export interface Principal {
  readonly id: number;
  readonly username: string;
  readonly role: Role;
  readonly active: boolean;
  /** Seconds since 1970; access tokens issued before are refused. */
  readonly credentialsChangedAt: number;
}

const PRINCIPAL = {
  name: 'user-principal',
  text: `SELECT id, username, role, active,
           floor(extract(epoch FROM credentials_changed_at))::bigint AS "credentialsChangedAt"
         FROM users WHERE id = $1`,
};

/** The JSON text of the user in `changed` or `users`, as the API shows it. */
const userJson = (
  row: string,
) => `row_to_json((SELECT shown FROM (SELECT ${row}.id, ${row}.username, ${row}.role,
  ${row}.active, ${row}.version, ${row}.created_at, ${row}.updated_at) AS shown))::text`;

export interface NewUser {
  readonly username: string;
  readonly passwordHash: string;
  readonly role: Role;
}

export class Users {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async principal(id: number): Promise<Principal | undefined> {
    const [row] = await this.#database.query<Principal & Record<string, unknown>>(PRINCIPAL, [id]);
    return row;
  }

  async credentials(
    username: string,
  ): Promise<{ id: number; passwordHash: string; active: boolean } | undefined> {
    const [row] = await this.#database.query<{ id: number; passwordHash: string; active: boolean }>(
      {
        text: 'SELECT id, password_hash AS "passwordHash", active FROM users WHERE lower(username) = lower($1)',
      },
      [username],
    );
    return row;
  }

  async any(): Promise<boolean> {
    const rows = await this.#database.query({ text: 'SELECT FROM users LIMIT 1' });
    return rows.length > 0;
  }

  /** @returns the new user as JSON text, and its version. */
  async create(user: NewUser, by: Actor): Promise<{ id: number; version: number; json: string }> {
    const [row] = await audited<{ id: number; version: number; json: string }>(this.#database, {
      by,
      action: 'create',
      entity: 'user',
      change: 'INSERT INTO users (username, password_hash, role) VALUES ($5, $6, $7) RETURNING *',
      values: [user.username, user.passwordHash, user.role],
      answer: `id, version, ${userJson('changed')} AS json`,
    });
    if (!row) throw new Error('INSERT returned no row');
    return row;
  }

  /** The first user, unless there is one: several processes may start at once. */
  async createFirst(user: NewUser, by: Actor): Promise<boolean> {
    const rows = await audited(this.#database, {
      by,
      action: 'create',
      entity: 'user',
      change: `INSERT INTO users (username, password_hash, role) SELECT $5, $6, $7
               WHERE NOT EXISTS (SELECT FROM users) ON CONFLICT (lower(username)) DO NOTHING RETURNING *`,
      values: [user.username, user.passwordHash, user.role],
      answer: 'id',
    });
    return rows.length > 0;
  }
}
