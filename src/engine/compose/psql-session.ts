import { randomBytes } from 'node:crypto';
import { PassThrough, Writable } from 'node:stream';
import type { UserError } from '../../errors.js';
import { databaseMissing, saysMissing, sessionFailed } from '../../postgres/session-errors.js';
import { withSessionOptions } from '../../postgres/session-settings.js';
import { databaseWord, outputTail } from '../../system/argv.js';
import { decodeBytes, encodeBytes } from '../../system/text-bytes.js';
import type { Session, SessionLogin } from '../database-access.js';
import type { PipeOptions, PipeResult } from '../engine.js';

/**
 * A database in SQL_ASCII holds bytes of any encoding, and the server refuses to send those that are not UTF-8 to
 * a client of UTF-8.
 */
const BYTES_AS_THEY_ARE = `SELECT set_config('client_encoding', 'SQL_ASCII', false) AS invctl_encoding WHERE getdatabaseencoding() = 'SQL_ASCII' \\g /dev/null
`;

/** Runs a program beside the server. */
export type RunBeside = (command: readonly string[], options: PipeOptions) => Promise<PipeResult>;

/** A session that uses a `psql` beside the server; statements go to its standard input. */
export class PsqlSession implements Session {
  readonly #input = new PassThrough();
  readonly #ended: Promise<PipeResult>;
  readonly #database: string;
  /** One character per byte. */
  #output = '';
  #waiting: { marker: string; resolve: (output: string) => void } | undefined;

  constructor(run: RunBeside, login: SessionLogin) {
    this.#database = login.database;
    const output = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.#output += chunk.toString('latin1');
        this.#deliver();
        done();
      },
    });
    const user = login.role ?? login.user;
    const command = [
      'psql',
      `--username=${user}`,
      `--dbname=${databaseWord(login.database)}`,
      '--no-psqlrc',
      '--no-password',
      '--quiet',
      '--tuples-only',
      '--no-align',
      '--set=ON_ERROR_STOP=1',
    ];
    this.#ended = run(
      login.asProject ? command : withSessionOptions(command, { ...login, user }, login.settings),
      {
        input: this.#input,
        output,
        env: { PGAPPNAME: login.applicationName, PGCLIENTENCODING: 'UTF8' },
        ...(login.signal ? { signal: login.signal } : {}),
      },
    );
    // The statement that waits for an answer reports the failure. If none waits, the error must not become an
    // unhandled one.
    this.#ended.catch(() => {});
    if (!login.asProject) this.#input.write(BYTES_AS_THEY_ARE);
  }

  async rows<Row>(query: string): Promise<Row[]> {
    return JSON.parse(await this.#send(`SELECT coalesce(json_agg(q), '[]') FROM (${query}) q;`)) as Row[];
  }

  async run(statements: string): Promise<void> {
    await this.#send(statements);
  }

  async #send(statements: string): Promise<string> {
    const marker = randomBytes(12).toString('hex');
    const answer = new Promise<string>((resolve) => {
      this.#waiting = { marker, resolve };
    });
    this.#input.write(encodeBytes(`${statements}\n\\echo ${marker}\n`));
    const over = this.#ended.then((result) => {
      throw failed(result, this.#database);
    });
    return Promise.race([answer, over]);
  }

  async close(): Promise<void> {
    this.#input.end();
    await this.#ended.catch(() => {});
  }

  #deliver(): void {
    const end = this.#waiting ? this.#output.indexOf(`${this.#waiting.marker}\n`) : -1;
    if (end < 0) return;
    const output = decodeBytes(Buffer.from(this.#output.slice(0, end), 'latin1'));
    this.#output = '';
    this.#waiting?.resolve(output);
    this.#waiting = undefined;
  }
}

function failed({ stderr, status }: PipeResult, database: string): UserError {
  const said = outputTail(stderr, 8);
  return saysMissing(said)
    ? databaseMissing(database)
    : sessionFailed(said || `psql ended with status ${status}`);
}
