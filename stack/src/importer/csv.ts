import type { Readable } from 'node:stream';
import { TextDecoder } from 'node:util';
import { invalid, Problem } from '../problem.js';
import { COLUMN_NAMES, type Column, REQUIRED_COLUMNS, type Row, RowChecker } from './columns.js';
import { CsvRecords, MalformedCsvError } from './records.js';

/** The largest file that is taken, in bytes. */
const FILE_LIMIT_BYTES = 1024 ** 3;

/** A file of inventory whose header has been read. */
export interface InventoryFile {
  /** Those of the header, in its order. */
  readonly columns: readonly Column[];
  /** Checked cell by cell, as many at a time as there are. Blank rows are left out but counted. */
  readonly rows: AsyncIterable<readonly Row[]>;
}

/**
 * Opens a CSV file (RFC 4180, UTF-8, with or without BOM, LF or CRLF). Memory does not grow with the file.
 *
 * @param onBytes told of every piece of the file as it is read.
 * @throws {Problem} 422 for what is no such file, 413 for one that is too large; so does reading its rows.
 */
export async function openInventory(
  file: Readable,
  onBytes: (chunk: Buffer) => void,
): Promise<InventoryFile> {
  const batches = readRecords(file, onBytes);
  for (;;) {
    const { done, value } = await batches.next();
    if (done) throw notCsv('empty_file', 'The file is empty.');
    const [header, ...records] = value;
    if (!header) continue;
    const columns = readHeader(header);
    return { columns, rows: checkRows(columns, records, batches) };
  }
}

/** @param first records of the file, without its header. */
async function* checkRows(
  columns: readonly Column[],
  first: string[][],
  others: AsyncIterable<string[][]>,
): AsyncGenerator<Row[]> {
  const checker = new RowChecker(columns);
  let number = 1;
  const check = (records: string[][]) => {
    const rows: Row[] = [];
    for (const record of records) {
      number += 1;
      if (record.some((cell) => cell.trim() !== '')) rows.push(checker.check(number, record));
    }
    return rows;
  };
  yield check(first);
  for await (const records of others) yield check(records);
}

async function* readRecords(file: Readable, onBytes: (chunk: Buffer) => void): AsyncGenerator<string[][]> {
  // It leaves a BOM out.
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const csv = new CsvRecords();
  let bytes = 0;
  try {
    // The file may be a request's body, and its connection is needed for the answer.
    for await (const chunk of file.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > FILE_LIMIT_BYTES)
        throw new Problem(413, 'file_too_large', 'The file is larger than 1 GiB.');
      onBytes(chunk);
      yield csv.push(decode(decoder, chunk));
    }
    yield csv.push(decode(decoder));
    yield csv.end();
  } catch (error) {
    // The reason quotes nothing of the file.
    if (error instanceof MalformedCsvError) {
      throw notCsv('malformed', `The file is no CSV near line ${error.line}: ${error.message}.`);
    }
    throw error;
  }
}

/** @param chunk nothing at the end of the file. @throws {Problem} 422 for what is no text in UTF-8. */
function decode(decoder: TextDecoder, chunk?: Buffer): string {
  let text: string;
  try {
    text = chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
  } catch {
    throw notCsv('not_utf8', 'The file is not text in UTF-8.');
  }
  if (text.includes('\0')) throw notCsv('not_text', 'The file is binary.');
  return text;
}

function readHeader(record: readonly string[]): Column[] {
  const names = record.map((name) => name.trim().toLowerCase());
  const known = (name: string): name is Column => (COLUMN_NAMES as string[]).includes(name);
  const problems = [
    ...names
      .filter((name) => !known(name))
      .map((name) => ['unknown_column', `There is no column ${JSON.stringify(name.slice(0, 64))}.`] as const),
    ...names
      .filter((name, index) => names.indexOf(name) < index)
      .map(
        (name) =>
          ['duplicate_column', `The column ${JSON.stringify(name.slice(0, 64))} is there twice.`] as const,
      ),
    ...REQUIRED_COLUMNS.filter((column) => !names.includes(column)).map(
      (column) => ['missing_column', `The column ${column} is missing.`] as const,
    ),
  ];
  if (problems.length > 0) {
    throw invalid(problems.slice(0, 50).map(([code, message]) => ({ pointer: '/rows/1', code, message })));
  }
  return names.filter(known);
}

function notCsv(code: string, message: string): Problem {
  return new Problem(422, 'not_csv', message, { errors: [{ pointer: '/body', code, message }] });
}
