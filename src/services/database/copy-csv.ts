import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { UserError } from '../../errors.js';
import {
  type Database,
  findDatabase,
  lacksClientPrograms,
  psqlForScript,
  runProgram,
} from '../../postgres/database.js';
import { outputTail } from '../../system/argv.js';
import { identifier } from '../../system/sql.js';
import type { ServiceContext } from '../context.js';

/** A first line that is longer than this is not accepted as a header. */
const HEADER_BYTES = 65_536;

/**
 * Copies a CSV file with a header into a table: all rows or none. A byte order mark and CRLF are not part of
 * the content.
 *
 * @param table default: the file's name without `.csv`
 * @returns number of rows.
 * @throws UserError SEED_FAILED with file and line
 */
export async function copyCsv(context: ServiceContext, file: string, table?: string): Promise<number> {
  const database = await findDatabase(await context.engine(), context.project());
  if (await lacksClientPrograms(database)) throw noPsql(file);
  const columns = headerColumns(await readHeader(file), file);
  const target = qualified(table ?? basename(file).replace(/\.csv$/i, ''));
  const copy = `COPY ${target} (${columns.map(identifier).join(', ')}) FROM STDIN WITH (FORMAT csv, HEADER true, ENCODING 'UTF8')`;
  const result = await runProgram(database, [...psqlForScript(database), `--command=${copy}`], {
    input: Readable.from(content(file)),
    env: { PGAPPNAME: 'invctl db seed', PGCLIENTENCODING: 'UTF8' },
    signal: context.signal,
  });
  if (result.status !== 0) throw copyFailed(database, file, result.stderr);
  return Number(/^COPY (\d+)/m.exec(result.stdout)?.[1] ?? 0);
}

/**
 * The file without its byte order mark. A line `\.` anywhere in the data would end it for a psql before 18.
 * @throws UserError SEED_FAILED
 */
async function* content(file: string): AsyncGenerator<Buffer> {
  let line = 1;
  let tail = '';
  let first = true;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    const bytes = first ? withoutMark(chunk) : chunk;
    first = false;
    // Latin 1 maps every byte to one character.
    const lines = (tail + bytes.toString('latin1')).split('\n');
    tail = lines.pop() as string;
    for (const text of lines) {
      if (/^\\\.\r?$/.test(text)) throw endOfData(file, line);
      line += 1;
    }
    yield bytes;
  }
  if (/^\\\.\r?$/.test(tail)) throw endOfData(file, line);
}

function withoutMark(chunk: Buffer): Buffer {
  return chunk.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf])) ? chunk.subarray(3) : chunk;
}

async function readHeader(file: string): Promise<string> {
  for await (const chunk of createReadStream(file, { end: HEADER_BYTES - 1, highWaterMark: HEADER_BYTES })) {
    return withoutMark(chunk as Buffer).toString('utf8');
  }
  throw new UserError({
    code: 'SEED_FAILED',
    message: `${file} is empty`,
    hint: 'put a line with the names of the columns first',
    file,
  });
}

/** Column names in the first record. */
function headerColumns(text: string, file: string): string[] {
  const columns: string[] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;
  for (let match = cell.exec(text); match; match = cell.exec(text)) {
    columns.push((match[1]?.replaceAll('""', '"') ?? match[2] ?? '').trim());
    if (match[3] !== ',') break;
  }
  if (columns.length > 0 && columns.every((name) => name !== '')) return columns;
  throw new UserError({
    code: 'SEED_FAILED',
    message: 'the first line does not name the columns, separated by commas',
    hint: `head -n 1 '${file}'`,
    file,
    line: 1,
  });
}

/** Quotes a table name; `sales.orders` is a table in a schema. */
function qualified(table: string): string {
  return table.split('.').map(identifier).join('.');
}

function copyFailed(database: Database, file: string, stderr: string): UserError {
  const line = /^CONTEXT: {2}COPY .*, line (\d+)/m.exec(stderr)?.[1];
  const table = /relation "(.+)" does not exist/.exec(stderr)?.[1];
  return new UserError({
    code: 'SEED_FAILED',
    message: `${outputTail(stderr, 6)}\nnothing of the file was applied`,
    hint:
      table === undefined
        ? `mend the file, then: invctl db seed ${file}`
        : `name the table: invctl db seed ${file} --table TABLE      (invctl db psql -- -c '\\dt' in ${database.name} lists them)`,
    file,
    ...(line === undefined ? {} : { line: Number(line) }),
  });
}

function endOfData(file: string, line: number): UserError {
  return new UserError({
    code: 'SEED_FAILED',
    message: 'the line is `\\.`, which psql takes for the end of the data; nothing of the file was applied',
    hint: 'put another text there',
    file,
    line,
  });
}

function noPsql(file: string): UserError {
  return new UserError({
    code: 'CLIENT_PROGRAMS_MISSING',
    message: 'a CSV file goes into a table through psql, and this PostgreSQL comes without it',
    hint: 'install it (Debian: postgresql-client), or write the rows as SQL: INSERT INTO …',
    file,
  });
}
