import { invalid } from '../problem.js';
import { COLUMN_NAMES, type Column, REQUIRED_COLUMNS, type Row, RowChecker } from './columns.js';
import { FileDecoder, UnreadableTextError } from './encoding.js';
import { CsvRecords, MalformedCsvError } from './records.js';
import { notCsv, type SourceFile } from './source-file.js';

/** A file of inventory whose header has been read. */
export interface InventoryFile {
  /** Those of the header, in its order. */
  readonly columns: readonly Column[];
  /** Checked cell by cell, as many at a time as there are. Blank rows are left out but counted. */
  readonly rows: AsyncIterable<readonly Row[]>;
}

/**
 * Opens a CSV file (RFC 4180, LF or CRLF). Memory does not grow with the file.
 *
 * @throws {Problem} 422 for what is no such file; so does reading its rows.
 */
export async function openInventory(file: SourceFile): Promise<InventoryFile> {
  const batches = readRecords(file);
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

async function* readRecords(file: SourceFile): AsyncGenerator<string[][]> {
  const decoder = new FileDecoder(file.encoding);
  const csv = new CsvRecords();
  try {
    for await (const chunk of file.read()) yield csv.push(textOf(decoder.decode(chunk as Buffer)));
    yield csv.push(textOf(decoder.decode()));
    yield csv.end();
  } catch (error) {
    // The reason quotes nothing of the file.
    if (error instanceof MalformedCsvError) {
      throw notCsv('malformed', `The file is no CSV near line ${error.line}: ${error.message}.`);
    }
    if (error instanceof UnreadableTextError) throw notCsv('not_utf8', error.message);
    throw error;
  }
}

function textOf(text: string): string {
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
