import type { Client } from 'pg';
import { hasErrorCode, type UserError } from '../../errors.js';
import { databaseMissing, sessionFailed } from '../../postgres/session-errors.js';
import { sessionOptions } from '../../postgres/session-settings.js';
import type { Session, SessionLogin } from '../database-access.js';
import { splitSql } from '../sql-statements.js';
import type { DatabaseConnection } from './connection.js';

const INSUFFICIENT_PRIVILEGE = '42501';
const INVALID_CATALOG_NAME = '3D000';

/** Our own session with a server of this machine; it needs no client program. */
export class ClientSession implements Session {
  readonly #client: Client;
  readonly #signal: AbortSignal | undefined;
  readonly #stop: () => void;
  /** Rejected by an interruption. */
  readonly #interrupted: Promise<never>;

  private constructor(client: Client, { signal }: Pick<SessionLogin, 'signal'>) {
    this.#client = client;
    this.#signal = signal;
    // The waiting statement fails with this error, so no other handler has to report it.
    client.on('error', () => {});
    let interrupt: (reason: unknown) => void;
    this.#interrupted = new Promise((_, reject) => {
      interrupt = reject;
    });
    this.#interrupted.catch(() => {});
    const abort = () => {
      interrupt(signal?.reason);
      void client.end().catch(() => {});
    };
    signal?.addEventListener('abort', abort, { once: true });
    this.#stop = () => signal?.removeEventListener('abort', abort);
  }

  /** @throws UserError SQL_FAILED, DATABASE_MISSING */
  static async open(connection: DatabaseConnection, options: SessionLogin): Promise<ClientSession> {
    options.signal?.throwIfAborted();
    const { serverMajor: major } = connection;
    const more = options.settings ? { more: options.settings } : {};
    try {
      if (options.asProject) return await ClientSession.#connect(connection, options);
      try {
        return await ClientSession.#connect(
          connection,
          options,
          sessionOptions({ major, superuser: true, ...more }),
        );
      } catch (error) {
        if (!hasErrorCode(error, INSUFFICIENT_PRIVILEGE)) throw error;
        return await ClientSession.#connect(
          connection,
          options,
          sessionOptions({ major, superuser: false, ...more }),
        );
      }
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!hasErrorCode(error, INVALID_CATALOG_NAME)) throw failed(error);
      throw databaseMissing(options.database, connection.database);
    }
  }

  static async #connect(
    connection: DatabaseConnection,
    options: SessionLogin,
    settings?: string,
  ): Promise<ClientSession> {
    const pg = (await import('pg')).default;
    const client = new pg.Client({
      host: connection.socketFolder,
      port: connection.port,
      user: options.role ?? connection.user,
      database: options.database,
      application_name: options.applicationName,
      ...(settings === undefined ? {} : { options: settings }),
    });
    const session = new ClientSession(client, options);
    try {
      // A client that is ended while it connects never says how that went.
      await Promise.race([client.connect(), session.#interrupted]);
    } catch (error) {
      session.#stop();
      throw error;
    }
    return session;
  }

  async rows<Row>(query: string): Promise<Row[]> {
    const [result] = await this.#query<{ rows: Row[] }>(
      `SELECT coalesce(json_agg(q), '[]') AS rows FROM (${query}) q`,
    );
    return result?.rows ?? [];
  }

  async run(statements: string): Promise<void> {
    // The server would run several statements of one text as one transaction.
    const { statements: each, rest } = splitSql(statements);
    for (const statement of rest.trim() === '' ? each : [...each, rest]) await this.#query(statement);
  }

  async close(): Promise<void> {
    this.#stop();
    await this.#client.end().catch(() => {});
  }

  async #query<Row extends object>(text: string): Promise<Row[]> {
    try {
      return (await this.#client.query<Row>(text)).rows;
    } catch (error) {
      this.#signal?.throwIfAborted();
      throw failed(error);
    }
  }
}

function failed(error: unknown): UserError {
  return sessionFailed(error instanceof Error ? error.message : String(error), error);
}
