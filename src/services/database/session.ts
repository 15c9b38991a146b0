import { randomBytes } from 'node:crypto';
import { PassThrough, Writable } from 'node:stream';
import type { PipeResult } from '../../engine/engine.js';
import { UserError } from '../../errors.js';
import { outputTail } from '../../system/process.js';
import { connectionArguments, type Database, runProgram } from './database.js';

export interface SessionOptions {
  /** Name of the database; default: the project's. */
  database?: string;
  /** `application_name`, by which the server's sessions are told apart. */
  applicationName: string;
  signal?: AbortSignal;
}

/**
 * One session of the server, kept open over several statements: transactions, snapshots and advisory locks live as
 * long as it does. It is a `psql` beside the server, fed through its standard input; its first error ends it.
 */
export class Session {
  readonly #input = new PassThrough();
  readonly #ended: Promise<PipeResult>;
  #output = '';
  #waiting: { marker: string; resolve: (output: string) => void } | undefined;

  constructor(database: Database, options: SessionOptions) {
    const decoder = new TextDecoder();
    const output = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.#output += decoder.decode(chunk, { stream: true });
        this.#deliver();
        done();
      },
    });
    this.#ended = runProgram(
      database,
      [
        'psql',
        ...connectionArguments(database, options.database),
        '--no-psqlrc',
        '--no-password',
        '--quiet',
        '--tuples-only',
        '--no-align',
        '--set=ON_ERROR_STOP=1',
      ],
      {
        input: this.#input,
        output,
        env: { PGAPPNAME: options.applicationName, PGCLIENTENCODING: 'UTF8' },
        ...(options.signal ? { signal: options.signal } : {}),
      },
    );
    // Reported by whoever waits for an answer; nobody may be waiting when it breaks.
    this.#ended.catch(() => {});
  }

  /** Rows of a query as objects; numbers beyond 2^53 must be cast to text in the query. */
  async rows<Row>(query: string): Promise<Row[]> {
    const output = await this.run(`SELECT coalesce(json_agg(q), '[]') FROM (${query}) q;`);
    return JSON.parse(output) as Row[];
  }

  /** The only row of a query. */
  async row<Row>(query: string): Promise<Row> {
    const [row] = await this.rows<Row>(query);
    if (row === undefined) throw new Error(`no row: ${query}`);
    return row;
  }

  /**
   * Runs statements, each with its semicolon, and returns what psql prints of them.
   * @throws UserError SQL_FAILED with the server's message; the session is over then.
   */
  async run(statements: string): Promise<string> {
    const marker = randomBytes(12).toString('hex');
    const answer = new Promise<string>((resolve) => {
      this.#waiting = { marker, resolve };
    });
    this.#input.write(`${statements}\n\\echo ${marker}\n`);
    const over = this.#ended.then((result) => {
      throw sessionFailed(result);
    });
    return Promise.race([answer, over]);
  }

  /** Ends the session; an open transaction is rolled back by the server. */
  async close(): Promise<void> {
    this.#input.end();
    await this.#ended.catch(() => {});
  }

  #deliver(): void {
    const end = this.#waiting ? this.#output.indexOf(`${this.#waiting.marker}\n`) : -1;
    if (end < 0) return;
    const output = this.#output.slice(0, end);
    this.#output = '';
    this.#waiting?.resolve(output);
    this.#waiting = undefined;
  }
}

/** Opens a session for the time of `body`. */
export async function withSession<T>(
  database: Database,
  options: SessionOptions,
  body: (session: Session) => Promise<T>,
): Promise<T> {
  const session = new Session(database, options);
  try {
    return await body(session);
  } finally {
    await session.close();
  }
}

function sessionFailed({ stderr, status }: PipeResult): UserError {
  const said = outputTail(stderr, 8);
  return new UserError({
    code: 'SQL_FAILED',
    message: `the database refused or ended our session: ${said || `psql ended with status ${status}`}`,
    hint: 'invctl ps      (is the database up?), invctl logs',
  });
}
