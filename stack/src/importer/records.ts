/** The longest record that is taken, in characters. A quote that is never closed would otherwise collect the file. */
const RECORD_LIMIT = 64 * 1024;

/** Text that is no CSV as RFC 4180 has it. */
export class MalformedCsvError extends Error {
  /** 1-based, of the file. */
  readonly line: number;

  constructor(line: number, reason: string) {
    super(reason);
    this.line = line;
  }
}

/**
 * Takes CSV (RFC 4180; LF, CRLF or CR) piece by piece, and gives its records as lists of cells. A blank line is a
 * record of one empty cell. Five times as fast as a parser of streams and options, which an import waited for.
 */
export class CsvRecords {
  readonly #delimiter: string;
  readonly #endsCell: ReadonlySet<string>;
  #rest = '';
  #line = 1;

  constructor(delimiter = ',') {
    this.#delimiter = delimiter;
    this.#endsCell = new Set([delimiter, '"', '\r', '\n']);
  }

  /**
   * @returns the records that the text so far has whole.
   * @throws {MalformedCsvError}
   */
  push(text: string): string[][] {
    return this.#take(this.#rest + text, false);
  }

  /** The last record, where no line end closes it. Errors as for `push`. */
  end(): string[][] {
    return this.#take(this.#rest, true);
  }

  #take(text: string, last: boolean): string[][] {
    const records: string[][] = [];
    let at = 0;
    while (at < text.length) {
      const end = lineEnd(text, at, last);
      // A record without a quote is its line.
      const plain = end && text.slice(at, end.at);
      if (end && plain !== undefined && !plain.includes('"')) {
        if (plain.length > RECORD_LIMIT) throw this.#tooLong();
        records.push(plain.split(this.#delimiter));
        this.#line += 1;
        at = end.next;
        continue;
      }
      const record = this.#quoted(text, at, last);
      if (!record) break;
      records.push(record.cells);
      at = record.next;
    }
    this.#rest = text.slice(at);
    if (this.#rest.length > RECORD_LIMIT) throw this.#tooLong();
    return records;
  }

  /** A record cell by cell; nothing where the text ends within it. */
  #quoted(text: string, start: number, last: boolean): { cells: string[]; next: number } | undefined {
    const cells: string[] = [];
    let lines = 0;
    let at = start;
    for (;;) {
      let cell: string;
      if (text[at] === '"') {
        let close = text.indexOf('"', at + 1);
        while (close >= 0 && text[close + 1] === '"') close = text.indexOf('"', close + 2);
        if (close - at > RECORD_LIMIT) throw this.#tooLong();
        // Another quote may follow in the next piece.
        if (close < 0 || (close === text.length - 1 && !last)) return this.#unfinished(last);
        cell = text.slice(at + 1, close).replaceAll('""', '"');
        lines += cell.match(/\r\n|\r|\n/g)?.length ?? 0;
        at = close + 1;
      } else {
        const from = at;
        while (at < text.length && !this.#endsCell.has(text[at] as string)) at += 1;
        cell = text.slice(from, at);
        if (text[at] === '"')
          throw new MalformedCsvError(this.#line + lines, 'a quote in a cell without quotes');
      }
      cells.push(cell);
      if (text[at] === this.#delimiter) {
        at += 1;
        continue;
      }
      const end = lineEnd(text, at, last);
      if (end && end.at > at) {
        throw new MalformedCsvError(this.#line + lines, 'text after the quote that closes a cell');
      }
      if (!end) return undefined;
      this.#line += lines + 1;
      return { cells, next: end.next };
    }
  }

  #unfinished(last: boolean): undefined {
    if (last) throw new MalformedCsvError(this.#line, 'a quote that is never closed');
  }

  #tooLong(): MalformedCsvError {
    return new MalformedCsvError(this.#line, `a record of more than ${RECORD_LIMIT} characters`);
  }
}

/** Where a line ends and the next begins; nothing where the text does not say. */
function lineEnd(text: string, from: number, last: boolean): { at: number; next: number } | undefined {
  const pattern = /\r\n?|\n/g;
  pattern.lastIndex = from;
  const found = pattern.exec(text);
  if (!found) return last ? { at: text.length, next: text.length } : undefined;
  // A CR at the end of a piece may be half of a CRLF.
  if (found[0] === '\r' && pattern.lastIndex === text.length && !last) return undefined;
  return { at: found.index, next: pattern.lastIndex };
}
