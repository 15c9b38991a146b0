import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Client, DatabaseError, QueryArrayResult } from 'pg';
import { ExitCode, UserError } from '../../errors.js';
import { splitSql } from '../sql-statements.js';
import type { DatabaseConnection } from './connection.js';

/** psql's exit status: a statement failed, and those after it were not run. */
const SCRIPT_ERROR = 3;
const CLIENT_HINT =
  'psql has such commands: apt-get install postgresql-client. Here goes SQL alone; \\q quits.';

/** Type ids of pg_type.dat: int8, int2, int4, oid, float4, float8, money, numeric. */
const RIGHT_ALIGNED = new Set([20, 21, 23, 26, 700, 701, 790, 1700]);

export interface SqlSessionOptions {
  connection: DatabaseConnection;
  /** SQL to run, as `psql -c` does: one or more statements in one transaction. Absent: statements from `input`. */
  sql?: string;
  input: Readable;
  output: Writable;
  /** Where the server's messages and errors go. */
  messages: Writable;
  /** Prompts for statements; an error does not end the session. */
  interactive: boolean;
}

/**
 * An SQL session without psql: runs SQL and prints results as psql's aligned tables. It connects by the local
 * socket, so it needs no password.
 * @returns 0, 1 if `sql` failed, 3 if a statement of the input failed and the rest was not run.
 * @throws UserError DATABASE_UNREACHABLE
 */
export async function runSqlSession(options: SqlSessionOptions): Promise<number> {
  const client = await connect(options);
  try {
    if (options.sql !== undefined)
      return (await execute(client, options.sql, options)) ? 0 : ExitCode.failure;
    return options.interactive ? await converse(client, options) : await runScript(client, options);
  } finally {
    await client.end();
  }
}

async function connect({ connection, messages }: SqlSessionOptions): Promise<Client> {
  const pg = (await import('pg')).default;
  const client = new pg.Client({
    host: connection.socketFolder,
    port: connection.port,
    user: connection.user,
    database: connection.database,
    application_name: 'invctl',
  });
  client.on('notice', ({ severity, message }) =>
    messages.write(`${severity ?? 'NOTICE'}:  ${message ?? ''}\n`),
  );
  client.on('error', (error) => messages.write(`the connection is lost: ${error.message}\n`));
  try {
    await client.connect();
    return client;
  } catch (error) {
    throw new UserError({
      code: 'DATABASE_UNREACHABLE',
      message: `no connection to the database: ${error instanceof Error ? error.message : String(error)}`,
      hint: 'invctl status',
      cause: error,
    });
  }
}

async function runScript(client: Client, options: SqlSessionOptions): Promise<number> {
  let pending = '';
  for await (const line of createInterface({ input: options.input, crlfDelay: Infinity })) {
    if (pending === '' && line.startsWith('\\')) {
      options.messages.write(`${line.split(/\s/)[0]}: ${CLIENT_HINT}\n`);
      return SCRIPT_ERROR;
    }
    const { statements, rest } = splitSql(`${pending}${line}\n`);
    for (const statement of statements) {
      if (!(await execute(client, statement, options))) return SCRIPT_ERROR;
    }
    pending = rest;
  }
  // psql also runs a last statement without a semicolon.
  if (pending.trim() === '') return 0;
  return (await execute(client, pending, options)) ? 0 : SCRIPT_ERROR;
}

async function converse(client: Client, options: SqlSessionOptions): Promise<number> {
  const { connection, input, output, messages } = options;
  const terminal = createInterface({ input, output, terminal: true });
  let pending = '';
  let running = false;
  const ask = () => {
    const { open } = splitSql(pending);
    const mark = {
      quote: "'",
      identifier: '"',
      'dollar quote': '$',
      comment: '*',
      parenthesis: '(',
      statement: '-',
    };
    terminal.setPrompt(`${connection.database}${open ? mark[open] : '='}# `);
    terminal.prompt();
  };
  terminal.on('SIGINT', () => {
    if (running) {
      void cancel(client, options);
      return;
    }
    pending = '';
    output.write('\n');
    ask();
  });
  messages.write(`SQL on ${connection.database}; statements end with a semicolon, \\q quits\n`);
  ask();
  for await (const line of terminal) {
    if (pending === '' && /^\s*(\\q|quit|exit)\s*;?\s*$/.test(line)) break;
    if (pending === '' && /^\s*\\/.test(line)) messages.write(`${CLIENT_HINT}\n`);
    else {
      const { statements, rest } = splitSql(`${pending}${line}\n`);
      pending = rest;
      running = true;
      for (const statement of statements) {
        if (!(await execute(client, statement, options))) break;
      }
      running = false;
    }
    ask();
  }
  terminal.close();
  return 0;
}

/** Cancels the statement that runs on this connection, by a second connection. */
async function cancel(client: Client, options: SqlSessionOptions): Promise<void> {
  // The protocol gives the server's process id, but pg's types do not declare it.
  const { processID } = client as Client & { processID: number };
  const other = await connect(options);
  try {
    await other.query('SELECT pg_cancel_backend($1)', [processID]);
  } finally {
    await other.end();
  }
}

/** Runs SQL and prints its results. Returns false if it failed, after printing the error. */
async function execute(
  client: Client,
  sql: string,
  { output, messages }: SqlSessionOptions,
): Promise<boolean> {
  if (/^\s*copy\b[\s\S]*\b(from\s+stdin|to\s+stdout)\b/i.test(sql)) {
    messages.write(
      `ERROR:  COPY between the server and this terminal is not possible here\n${CLIENT_HINT}\n`,
    );
    return false;
  }
  try {
    const answer: unknown = await client.query({
      text: sql,
      rowMode: 'array',
      // Values as the server prints them, not converted to JavaScript.
      types: { getTypeParser: () => (value: string) => value },
    });
    // Several statements give several results, which pg's types do not declare.
    const results = (Array.isArray(answer) ? answer : [answer]) as QueryArrayResult<(string | null)[]>[];
    for (const result of results) output.write(formatResult(result));
    return true;
  } catch (error) {
    if (!isDatabaseError(error)) throw error;
    messages.write(formatError(error, sql));
    return false;
  }
}

function isDatabaseError(error: unknown): error is DatabaseError {
  return error instanceof Error && 'severity' in error;
}

function formatResult(result: QueryArrayResult<(string | null)[]>): string {
  if (result.fields.length === 0) {
    const count = result.command === 'INSERT' ? ` 0 ${result.rowCount}` : (result.rowCount ?? '');
    return result.command ? `${`${result.command} ${count}`.replace(/ +/g, ' ').trim()}\n` : '';
  }
  const header = result.fields.map(({ name }) => name);
  const cells = result.rows.map((row) => row.map((value) => value ?? ''));
  const widths = header.map((name, column) =>
    Math.max(width(name), ...cells.flatMap((row) => (row[column] ?? '').split('\n').map(width))),
  );
  const right = result.fields.map(({ dataTypeID }) => RIGHT_ALIGNED.has(dataTypeID));
  const lines = [
    header.map((name, column) => centre(name, widths[column] ?? 0)).join('|'),
    widths.map((size) => '-'.repeat(size + 2)).join('+'),
    ...cells.flatMap((row) => rowLines(row, widths, right)),
    `(${cells.length} row${cells.length === 1 ? '' : 's'})`,
  ];
  return `${lines.join('\n')}\n\n`;
}

/**
 * A value of several lines makes a row of several lines, with `+` at the end of each but the last, as in
 * psql.
 */
function rowLines(row: readonly string[], widths: readonly number[], right: readonly boolean[]): string[] {
  const parts = row.map((value) => value.split('\n'));
  const height = Math.max(1, ...parts.map((part) => part.length));
  return Array.from({ length: height }, (_, line) =>
    parts
      .map((part, column) => {
        const text = part[line] ?? '';
        const padding = ' '.repeat((widths[column] ?? 0) - width(text));
        const goesOn = line < part.length - 1 ? '+' : ' ';
        return right[column] ? ` ${padding}${text}${goesOn}` : ` ${text}${padding}${goesOn}`;
      })
      .join('|')
      .trimEnd(),
  );
}

function formatError(error: DatabaseError, sql: string): string {
  const lines = [`${error.severity ?? 'ERROR'}:  ${error.message}`];
  const position = Number(error.position);
  if (position > 0) {
    // The server counts characters from 1, not UTF-16 units.
    const before = [...sql].slice(0, position - 1).join('');
    const start = before.lastIndexOf('\n') + 1;
    const label = `LINE ${before.split('\n').length}: `;
    const line = sql.slice(start).split('\n', 1)[0] ?? '';
    lines.push(`${label}${line}`, `${' '.repeat(label.length + width(before.slice(start)))}^`);
  }
  if (error.detail) lines.push(`DETAIL:  ${error.detail}`);
  if (error.hint) lines.push(`HINT:  ${error.hint}`);
  return `${lines.join('\n')}\n`;
}

function centre(text: string, size: number): string {
  const padding = size - width(text);
  const left = Math.floor(padding / 2);
  return ` ${' '.repeat(left)}${text}${' '.repeat(padding - left)} `;
}

function width(text: string): number {
  return [...text].length;
}
