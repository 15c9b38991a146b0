import { type Column, type FileKind, type Row, RowChecker } from './columns.js';
import { type Delimiter, separationOf } from './delimiter.js';
import { FileDecoder, UnreadableTextError } from './encoding.js';
import { type HeaderMapping, type Layout, layoutOf } from './layout.js';
import { CsvRecords, MalformedCsvError } from './records.js';
import { notCsv, type SourceFile } from './source-file.js';

/** A file of inventory whose header has been read. */
export interface InventoryFile {
  readonly layout: Layout;
  /** Those of the rows, in their order. */
  readonly columns: readonly Column[];
  /** Checked cell by cell, as many at a time as there are. Blank rows are left out but counted. */
  readonly rows: AsyncIterable<readonly Row[]>;
  /** Rows so far that are no items. */
  skipped(): number;
}

interface Batch {
  readonly delimiter: Delimiter;
  readonly records: string[][];
}

/**
 * Opens a CSV file (RFC 4180, LF or CRLF), whatever separates its cells. Memory does not grow with the file.
 *
 * @throws {Problem} 422 for what is no such file; so does reading its rows.
 */
export async function openInventory(
  file: SourceFile,
  mapping: HeaderMapping,
  kind: FileKind,
): Promise<InventoryFile> {
  const batches = readRecords(file);
  let blank = 0;
  for (;;) {
    const { done, value } = await batches.next();
    if (done) throw notCsv('empty_file', 'The file is empty.');
    const at = value.records.findIndex((record) => !isBlank(record));
    blank += at < 0 ? value.records.length : at;
    const header = value.records[at];
    if (!header) continue;
    const layout = layoutOf(header, mapping, kind);
    let skipped = 0;
    const checker = new RowChecker(layout.columns, kind, value.delimiter);
    const rows = checkRows(layout, value.records.slice(at + 1), batches, {
      checker,
      headerRow: blank + 1,
      onSkip: () => {
        skipped += 1;
      },
    });
    return { layout, columns: layout.columns, rows, skipped: () => skipped };
  }
}

/** @param first records of the file, without its header. */
async function* checkRows(
  { width, arrange }: Layout,
  first: string[][],
  others: AsyncIterable<Batch>,
  { checker, headerRow, onSkip }: { checker: RowChecker; headerRow: number; onSkip: () => void },
): AsyncGenerator<Row[]> {
  let number = headerRow;
  const check = (records: string[][]) => {
    const rows: Row[] = [];
    for (const record of records) {
      number += 1;
      if (isBlank(record)) continue;
      if (record.length < width || !isBlank(record.slice(width))) {
        const message = `has ${record.length} cells rather than ${width}`;
        rows.push({
          number,
          cells: [],
          errors: [{ column: null, code: 'column_count', message, value: null }],
        });
        continue;
      }
      const cells = arrange(record);
      if (cells) rows.push(checker.check(number, cells));
      else onSkip();
    }
    return rows;
  };
  yield check(first);
  for await (const { records } of others) yield check(records);
}

const isBlank = (record: readonly string[]) => !record.some((cell) => cell.trim() !== '');

async function* readRecords(file: SourceFile): AsyncGenerator<Batch> {
  try {
    yield* split(textsOf(file));
  } catch (error) {
    // The reason quotes nothing of the file.
    if (error instanceof MalformedCsvError) {
      throw notCsv('malformed', `The file is no CSV near line ${error.line}: ${error.message}.`);
    }
    if (error instanceof UnreadableTextError) throw notCsv(error.code, error.message);
    throw error;
  }
}

async function* split(texts: AsyncIterable<string>): AsyncGenerator<Batch> {
  let csv: CsvRecords | undefined;
  let delimiter: Delimiter = ',';
  let head = '';
  const open = (last: boolean): string[][] => {
    const separation = separationOf(head, last);
    if (!separation) return [];
    ({ delimiter } = separation);
    csv = new CsvRecords(delimiter);
    return csv.push(head.slice(separation.start));
  };
  for await (const text of texts) {
    if (csv) yield { delimiter, records: csv.push(text) };
    else {
      head += text;
      const records = open(false);
      yield { delimiter, records };
    }
  }
  const records = csv ? [] : open(true);
  yield { delimiter, records };
  if (csv) yield { delimiter, records: (csv as CsvRecords).end() };
}

async function* textsOf(file: SourceFile): AsyncGenerator<string> {
  const decoder = new FileDecoder(file.encoding);
  for await (const chunk of file.read()) yield textOf(decoder.decode(chunk as Buffer));
  yield textOf(decoder.decode());
}

function textOf(text: string): string {
  if (text.includes('\0')) throw notCsv('not_text', 'The file is binary.');
  return text;
}
