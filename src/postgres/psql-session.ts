import { randomBytes } from 'node:crypto';
import { PassThrough, Writable } from 'node:stream';
import type { PipeResult } from '../engine/engine.js';
import type { UserError } from '../errors.js';
import { outputTail } from '../system/process.js';
import { connectionArguments, type Database, runClient, runProgram } from './database.js';
import type { Session, SessionOptions } from './session.js';
import { databaseMissing, saysMissing, sessionFailed } from './session-errors.js';

/** A session that is a `psql` beside the server, fed through its standard input. */
export class PsqlSession implements Session {
  readonly #input = new PassThrough();
  readonly #ended: Promise<PipeResult>;
  readonly #database: string;
  #output = '';
  #waiting: { marker: string; resolve: (output: string) => void } | undefined;

  constructor(database: Database, options: SessionOptions) {
    this.#database = options.database ?? database.name;
    const decoder = new TextDecoder();
    const output = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.#output += decoder.decode(chunk, { stream: true });
        this.#deliver();
        done();
      },
    });
    const command = [
      'psql',
      ...connectionArguments(database, options.database),
      '--no-psqlrc',
      '--no-password',
      '--quiet',
      '--tuples-only',
      '--no-align',
      '--set=ON_ERROR_STOP=1',
    ];
    const streams = {
      input: this.#input,
      output,
      env: { PGAPPNAME: options.applicationName, PGCLIENTENCODING: 'UTF8' },
      ...(options.signal ? { signal: options.signal } : {}),
    };
    this.#ended = options.asProject
      ? runProgram(database, command, streams)
      : runClient(database, command, {
          ...streams,
          ...(options.database === undefined ? {} : { database: options.database }),
        });
    // Reported by whoever waits for an answer; nobody may be waiting when it breaks.
    this.#ended.catch(() => {});
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
    this.#input.write(`${statements}\n\\echo ${marker}\n`);
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
    const output = this.#output.slice(0, end);
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
