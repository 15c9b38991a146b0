/** So much of a file is looked at: a header and a few rows. */
const HEAD_BYTES = 64 * 1024;
const DELIMITERS = [',', ';', '\t', '|'] as const;

export interface CsvHead {
  readonly columns: readonly string[];
  /** The first rows, for an example of each column. */
  readonly rows: readonly (readonly string[])[];
}

/** The header of a CSV file and its first rows. The API reads the file itself; this is only to show it. */
export async function csvHead(file: Blob): Promise<CsvHead> {
  const bytes = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
  const text = decode(bytes);
  const [first = ''] = text.split(/\r\n|\n|\r/, 1);
  const count = (delimiter: string) => first.split(delimiter).length;
  const delimiter = [...DELIMITERS].sort((a, b) => count(b) - count(a))[0] ?? ',';
  const records = readCsv(text, delimiter, 8).filter((cells) => cells.some((cell) => cell.trim() !== ''));
  const [columns = [], ...rows] = records;
  return { columns: columns.map((name) => name.trim()), rows: rows.slice(0, 3) };
}

function decode(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  try {
    // As a stream: the last character may be cut.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return new TextDecoder('windows-1252').decode(bytes);
  }
}

/** The first records of a CSV text, RFC 4180. @param limit how many at most. */
export function readCsv(text: string, delimiter: string, limit: number): string[][] {
  const records: string[][] = [];
  let record: string[] = [];
  let cell = '';
  let quoted = false;
  for (let at = 0; at < text.length && records.length < limit; at += 1) {
    const character = text[at] as string;
    if (quoted) {
      if (character !== '"') cell += character;
      else if (text[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else quoted = false;
    } else if (character === '"' && cell === '') quoted = true;
    else if (character === delimiter) {
      record.push(cell);
      cell = '';
    } else if (character === '\n' || character === '\r') {
      if (character === '\r' && text[at + 1] === '\n') at += 1;
      records.push([...record, cell]);
      record = [];
      cell = '';
    } else cell += character;
  }
  if (records.length < limit && (cell !== '' || record.length > 0)) records.push([...record, cell]);
  return records;
}
