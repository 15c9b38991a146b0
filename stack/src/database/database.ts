import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { Settings } from '../settings/declarations.js';
import {
  asFailure,
  connectionConfig,
  DatabaseUnavailableError,
  isSerializationFailure,
} from './connection.js';
import { Pipeline } from './pipeline.js';
import type { Column } from './records.js';

const CONNECT_TIMEOUT_MS = 3000;
const STATEMENT_TIMEOUT_MS = 5000;
/** Longer than the server's own limit, which it only replaces when the server no longer answers. */
const RESPONSE_TIMEOUT_MS = 6000;
/** Requests that may wait for each connection of the pool before more are turned away. */
const WAITING_PER_CONNECTION = 20;
const ATTEMPTS = 5;
/** For imports, and as many for reports: neither keeps the other waiting. */
const BULK_CONNECTIONS = 2;
const BULK_STATEMENT_TIMEOUT_MS = 600_000;

const BEGIN = { text: 'BEGIN' };
const COMMIT = { text: 'COMMIT' };
const ROLLBACK = { text: 'ROLLBACK' };

/** SQL with its parameters left open. A named one is prepared once a connection. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
}

/** Somewhere to run statements: the pool, or one transaction. */
export interface Session {
  query<Row extends pg.QueryResultRow>(statement: Statement, values?: readonly unknown[]): Promise<Row[]>;
}

/** A transaction with its connection, for COPY. */
export interface BulkTransaction extends Session {
  readonly client: pg.PoolClient;
}

/**
 * The pool of connections. Work that PostgreSQL gave up for a deadlock or a serialization failure is done again;
 * a connection is only given up when it has failed itself; callers beyond a bound are turned away at once.
 */
export class Database implements Session {
  readonly #pool: pg.Pool;
  readonly #reads: Pipeline;
  readonly #pages: Pipeline;
  readonly #pings: pg.Pool;
  readonly #imports: pg.Pool;
  readonly #reports: pg.Pool;
  readonly #waitingLimit: number;
  #readsUnderWay = 0;

  /** @param onIdleError told of a connection that failed while nobody used it; the pool has dropped it by then. */
  constructor(settings: Settings, onIdleError: (error: Error) => void) {
    const config = connectionConfig(settings);
    const limits = {
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      query_timeout: RESPONSE_TIMEOUT_MS,
    };
    this.#pool = new pg.Pool({
      ...config,
      ...limits,
      max: settings.databasePoolSize,
      idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
      idleTimeoutMillis: 0,
    });
    this.#reads = new Pipeline(
      { ...config, ...limits, application_name: 'inventory-api-reads' },
      onIdleError,
    );
    // Apart from the reads by key, since a page takes several times as long.
    this.#pages = new Pipeline(
      { ...config, ...limits, application_name: 'inventory-api-pages' },
      onIdleError,
    );
    // Health must tell of the database, not of a pool that is busy.
    this.#pings = new pg.Pool({
      ...config,
      application_name: 'inventory-api-health',
      max: 1,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    });
    const bulk = {
      ...config,
      max: BULK_CONNECTIONS,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: BULK_STATEMENT_TIMEOUT_MS,
    };
    this.#imports = new pg.Pool({ ...bulk, application_name: 'inventory-api-bulk' });
    this.#reports = new pg.Pool({ ...bulk, application_name: 'inventory-api-reports' });
    for (const pool of [this.#pool, this.#pings, this.#imports, this.#reports]) {
      pool.on('error', onIdleError);
      // The pool listens to idle connections only. Whoever uses one learns of its loss from the next statement.
      pool.on('connect', (client) => client.on('error', () => {}));
    }
    this.#waitingLimit = settings.databasePoolSize * WAITING_PER_CONNECTION;
  }

  /**
   * Runs one statement as a transaction of its own.
   *
   * @throws {DatabaseUnavailableError} when there is no connection, or it failed on the way.
   * @throws {pg.DatabaseError} when PostgreSQL refuses the statement.
   */
  query<Row extends pg.QueryResultRow>(
    statement: Statement,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    return this.#withClient((client) => run<Row>(client, statement, values));
  }

  /**
   * Runs a statement that finds a few rows by their key and locks none. It shares a connection with others of its
   * kind, for half the work of a connection to itself. Errors as for `query`.
   */
  read<Row extends pg.QueryResultRow>(statement: Statement, values: readonly unknown[]): Promise<Row[]> {
    return this.#share<Row>(this.#reads, statement, values);
  }

  /** The same for a statement that finds a page of rows in the order of an index. */
  readPage<Row extends pg.QueryResultRow>(statement: Statement, values: readonly unknown[]): Promise<Row[]> {
    return this.#share<Row>(this.#pages, statement, values);
  }

  /** The columns that a statement returns. Errors as for `query`. */
  describe(statement: Statement): Promise<Column[]> {
    return this.#withClient(async (client) => {
      const { fields } = await answerTo(client, statement, []);
      return fields.map(({ name, dataTypeID }) => ({ name, type: dataTypeID }));
    });
  }

  /** Runs `work` in one transaction; more than once if PostgreSQL asks for it. Errors as for `query`. */
  transaction<Result>(work: (session: Session) => Promise<Result>): Promise<Result> {
    return this.#withClient((client) => transact(client, work));
  }

  /**
   * A transaction that brings much data in and may take minutes. There are few connections for these, so that they
   * cannot keep requests waiting: nothing in it may wait for a client. The work is not repeated.
   */
  async bulk<Result>(work: (transaction: BulkTransaction) => Promise<Result>): Promise<Result> {
    const client = await connect(this.#imports);
    let failed = true;
    try {
      const result = await transact(client, (session) => work({ ...session, client }));
      failed = false;
      return result;
    } finally {
      // After a failure there may be a COPY in progress on it.
      client.release(failed);
    }
  }

  /** Runs a statement that reads much. Errors as for `query`. */
  async report<Row extends pg.QueryResultRow>(
    statement: Statement,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    const client = await connect(this.#reports);
    let broken = true;
    try {
      const rows = await run<Row>(client, statement, values);
      broken = false;
      return rows;
    } catch (error) {
      broken = error instanceof DatabaseUnavailableError;
      throw error;
    } finally {
      client.release(broken);
    }
  }

  /**
   * Reads what a `COPY … TO STDOUT` sends. Errors as for `query`, and those of `take`.
   *
   * @param take takes all of it, and may not wait for a client.
   */
  async copyOut(sql: string, take: (rows: Readable) => Promise<void>): Promise<void> {
    const client = await connect(this.#reports);
    const stream = client.query(copyTo(sql));
    let refusal: unknown;
    // It may report more than one.
    stream.on('error', (error) => {
      refusal ??= asFailure(error);
    });
    let failed = true;
    try {
      await take(stream);
      failed = false;
    } catch (error) {
      throw refusal ?? error;
    } finally {
      client.release(failed);
    }
  }

  /**
   * Asks the database for a sign of life on a connection of its own.
   *
   * @returns the time it took, in milliseconds.
   * @throws {DatabaseUnavailableError} when there is none within `timeoutMs`.
   */
  async ping(timeoutMs: number): Promise<number> {
    const started = performance.now();
    const answer = this.#pings.query({ text: 'SELECT 1', query_timeout: timeoutMs } as pg.QueryConfig);
    // A late failure has been answered for already.
    answer.catch(() => {});
    const timedOut = Symbol('timed out');
    const timer = new AbortController();
    try {
      const first = await Promise.race([answer, delay(timeoutMs, timedOut, { signal: timer.signal })]);
      if (first === timedOut) throw new Error(`no answer within ${timeoutMs} ms`);
    } catch (error) {
      throw new DatabaseUnavailableError('the database does not answer', { cause: error });
    } finally {
      timer.abort();
    }
    return performance.now() - started;
  }

  /** How many connections are open, unused, and waited for. */
  get connections(): { readonly total: number; readonly idle: number; readonly waiting: number } {
    return { total: this.#pool.totalCount, idle: this.#pool.idleCount, waiting: this.#pool.waitingCount };
  }

  /** Waits for work in progress, then closes every connection. */
  async close(): Promise<void> {
    await Promise.all([
      this.#pool.end(),
      this.#reads.close(),
      this.#pages.close(),
      this.#pings.end(),
      ...[this.#imports, this.#reports].map((pool) => pool.end()),
    ]);
  }

  async #share<Row extends pg.QueryResultRow>(
    pipeline: Pipeline,
    statement: Statement,
    values: readonly unknown[],
  ): Promise<Row[]> {
    if (this.#readsUnderWay >= this.#waitingLimit) throw tooManyRequests();
    this.#readsUnderWay += 1;
    try {
      const { rows } = await pipeline.query<Row>({ ...statement, values: values as unknown[] });
      return rows;
    } catch (error) {
      throw asFailure(error);
    } finally {
      this.#readsUnderWay -= 1;
    }
  }

  async #withClient<Result>(work: (client: pg.PoolClient) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt += 1) {
      if (this.#pool.waitingCount >= this.#waitingLimit) throw tooManyRequests();
      const client = await connect(this.#pool);
      let broken = false;
      try {
        return await work(client);
      } catch (error) {
        broken = error instanceof DatabaseUnavailableError;
        if (!isSerializationFailure(error) || attempt === ATTEMPTS) throw error;
      } finally {
        client.release(broken);
      }
      await delay(Math.random() * 20 * attempt);
    }
  }
}

async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    throw new DatabaseUnavailableError('no database connection', { cause: error });
  }
}

async function transact<Result>(
  client: pg.PoolClient,
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  await run(client, BEGIN);
  try {
    const result = await work({ query: (statement, values = []) => run(client, statement, values) });
    await run(client, COMMIT);
    return result;
  } catch (error) {
    if (!(error instanceof DatabaseUnavailableError)) await run(client, ROLLBACK);
    throw error;
  }
}

async function run<Row extends pg.QueryResultRow>(
  client: pg.PoolClient,
  statement: Statement,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  return (await answerTo<Row>(client, statement, values)).rows;
}

async function answerTo<Row extends pg.QueryResultRow>(
  client: pg.PoolClient,
  statement: Statement,
  values: readonly unknown[],
): Promise<pg.QueryResult<Row>> {
  try {
    return await client.query<Row>({ ...statement, values: values as unknown[] });
  } catch (error) {
    throw asFailure(error);
  }
}

function tooManyRequests(): DatabaseUnavailableError {
  return new DatabaseUnavailableError('too many requests wait for a database connection');
}
