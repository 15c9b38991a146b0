import { finished, type Readable, Transform } from 'node:stream';
import { CsvError, type Parser, parse } from 'csv-parse';
import { invalid, Problem } from '../problem.js';
import { COLUMN_NAMES, type Column, checkRow, REQUIRED_COLUMNS, type Row } from './columns.js';

/** The largest file that is taken, in bytes. */
const FILE_LIMIT_BYTES = 1024 ** 3;
/** A quote that is never closed would otherwise collect the rest of the file. */
const RECORD_LIMIT_BYTES = 64 * 1024;

/**
 * Reads the rows of a CSV file (RFC 4180, UTF-8, with or without BOM, LF or CRLF), checked cell by cell, as many at a
 * time as there are. Blank rows are skipped but counted. Memory does not grow with the file.
 *
 * @param onBytes told of every piece of the file as it is read.
 * @throws {Problem} 422 for what is no such file, 413 for one that is too large.
 */
export async function* readRows(file: Readable, onBytes: (chunk: Buffer) => void): AsyncGenerator<Row[]> {
  const parser = parse({
    bom: true,
    relax_column_count: true,
    skip_empty_lines: false,
    max_record_size: RECORD_LIMIT_BYTES,
  });
  // Its error is what hasMore throws, at the next wait.
  parser.on('error', () => {});
  const text = utf8(onBytes);
  const abandon = (error: Error) => parser.destroy(error);
  file.once('error', abandon);
  text.once('error', abandon);
  file.pipe(text).pipe(parser);
  try {
    let header: Column[] | undefined;
    let number = 0;
    for await (const records of batches(parser)) {
      const rows: Row[] = [];
      for (const record of records) {
        number += 1;
        if (!header) header = readHeader(record);
        else if (record.some((cell) => cell.trim() !== '')) rows.push(checkRow(number, header, record));
      }
      if (rows.length > 0) yield rows;
    }
    if (!header) throw notCsv('empty_file', 'The file is empty.');
  } catch (error) {
    if (error instanceof CsvError) {
      // Its message quotes the file; its code and place say enough.
      const place = `near line ${error.lines ?? '?'}`;
      throw notCsv(
        'malformed',
        `The file is no CSV ${place} (${error.code.toLowerCase().replaceAll('_', ' ')}).`,
      );
    }
    throw error;
  } finally {
    file.unpipe(text);
    text.destroy();
    parser.destroy();
  }
}

/** All records that the parser has ready at a time: to wait for each would double its cost. */
async function* batches(parser: Parser): AsyncGenerator<string[][]> {
  do {
    const records: string[][] = [];
    for (let record = parser.read(); record !== null; record = parser.read()) records.push(record);
    if (records.length > 0) yield records;
  } while (await hasMore(parser));
}

/** Waits for more records. @returns false at the end. @throws what the parser ended with. */
function hasMore(parser: Parser): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const readable = () => {
      forget();
      resolve(true);
    };
    const forget = finished(parser, { writable: false }, (error) => {
      parser.off('readable', readable);
      if (error) reject(error);
      else resolve(false);
    });
    parser.once('readable', readable);
  });
}

/** Passes bytes on as long as they are text in UTF-8. */
function utf8(onBytes: (chunk: Buffer) => void): Transform {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let bytes = 0;
  const check = (chunk?: Buffer) => {
    let text: string;
    try {
      text = chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
    } catch {
      throw notCsv('not_utf8', 'The file is not text in UTF-8.');
    }
    if (text.includes('\0')) throw notCsv('not_text', 'The file is binary.');
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        bytes += chunk.length;
        if (bytes > FILE_LIMIT_BYTES)
          throw new Problem(413, 'file_too_large', 'The file is larger than 1 GiB.');
        onBytes(chunk);
        check(chunk);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
    flush(done) {
      try {
        check();
        done();
      } catch (error) {
        done(error as Error);
      }
    },
  });
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
