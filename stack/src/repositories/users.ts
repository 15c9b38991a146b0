import type { Database } from '../database/database.js';
import { Problem } from '../problem.js';
import { type Actor, audited } from './audit.js';
import { type Fields, type Versioned, VersionedTable } from './versioned-table.js';

export const ROLES = ['viewer', 'manager', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** A user as far as a request needs to know one. */
export interface Principal {
  readonly id: number;
  readonly username: string;
  readonly role: Role;
  readonly active: boolean;
  /** Microseconds since 1970; tokens issued for other credentials are refused. */
  readonly credentialsChangedAt: number;
}

/** PostgreSQL's own resolution, as a number that JavaScript holds exactly. */
export const CREDENTIALS_CHANGED_AT =
  '(extract(epoch FROM users.credentials_changed_at) * 1000000)::bigint AS "credentialsChangedAt"';

const PRINCIPAL = {
  name: 'user-principal',
  text: `SELECT id, username, role, active, ${CREDENTIALS_CHANGED_AT} FROM users WHERE id = $1`,
};

export interface NewUser {
  readonly username: string;
  readonly passwordHash: string;
  readonly role: Role;
}

export interface UserChange {
  readonly role?: Role | undefined;
  readonly active?: boolean | undefined;
  readonly passwordHash?: string | undefined;
}

/** What is needed to check a password. */
export interface Credentials {
  readonly id: number;
  readonly passwordHash: string;
  readonly active: boolean;
  readonly credentialsChangedAt: number;
}

export class Users extends VersionedTable {
  constructor(database: Database) {
    super(database, 'users', 'user', 'id, username, role, active, version, created_at, updated_at');
  }

  async principal(id: number): Promise<Principal | undefined> {
    const [row] = await this.database.read<Principal & Record<string, unknown>>(PRINCIPAL, [id]);
    return row;
  }

  /** The user of this name, whatever its case. */
  async credentials(username: string): Promise<Credentials | undefined> {
    const [row] = await this.database.query<Credentials & Record<string, unknown>>(
      {
        text: `SELECT id, password_hash AS "passwordHash", active, ${CREDENTIALS_CHANGED_AT}
               FROM users WHERE lower(username) = lower($1)`,
      },
      [username],
    );
    return row;
  }

  async any(): Promise<boolean> {
    const rows = await this.database.query({ text: 'SELECT FROM users LIMIT 1' });
    return rows.length > 0;
  }

  add({ username, passwordHash, role }: NewUser, by: Actor): Promise<Versioned> {
    return this.create({ username, password_hash: passwordHash, role }, by);
  }

  /** The first user, unless there is one: several processes may start at once. */
  async addFirst({ username, passwordHash, role }: NewUser, by: Actor): Promise<boolean> {
    const rows = await audited(this.database, {
      by,
      action: 'create',
      entity: this.entity,
      change: `INSERT INTO users (username, password_hash, role) SELECT $1, $2, $3
               WHERE NOT EXISTS (SELECT FROM users) ON CONFLICT (lower(username)) DO NOTHING RETURNING *`,
      values: [username, passwordHash, role],
      answer: 'id',
    });
    return rows.length > 0;
  }

  /**
   * Changes a user. A new password, or the end of being active, ends every session of theirs.
   *
   * @throws {Problem} 404, 412, or 409 where nobody would be left to manage users.
   */
  revise(
    id: number,
    versions: readonly number[] | null,
    { role, active, passwordHash }: UserChange,
    by: Actor,
  ): Promise<Versioned> {
    const endsSessions = passwordHash !== undefined || active === false;
    const fields: Fields = {
      ...(role !== undefined && { role }),
      ...(active !== undefined && { active }),
      ...(passwordHash !== undefined && { password_hash: passwordHash }),
      ...(endsSessions && { credentials_changed_at: new Date() }),
    };
    return this.database.transaction(async (session) => {
      // Two who take the role from one another at once wait for each other here.
      await session.query({
        text: `SELECT FROM users WHERE role = 'admin' AND active ORDER BY id FOR UPDATE`,
      });
      const user = await this.update(id, versions, fields, by, { session });
      const admins = await session.query({
        text: `SELECT FROM users WHERE role = 'admin' AND active LIMIT 1`,
      });
      if (admins.length === 0) throw new Problem(409, 'last_admin', 'There has to be an active admin.');
      if (endsSessions) {
        await session.query(
          { text: 'UPDATE refresh_tokens SET revoked_at = now() WHERE user_id = $1 AND revoked_at IS NULL' },
          [id],
        );
      }
      return user;
    });
  }
}
