import { isAscii } from 'node:buffer';
import { TextDecoder } from 'node:util';

/** How a file's bytes are text. */
export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

/** Bytes that are no text, with a sentence for whoever sent them. */
export class UnreadableTextError extends Error {
  override readonly name = 'UnreadableTextError';
  readonly code: 'not_utf8' | 'not_text';

  constructor(message: string, { code = 'not_utf8', ...options }: UnreadableTextOptions = {}) {
    super(message, options);
    this.code = code;
  }
}

interface UnreadableTextOptions extends ErrorOptions {
  /** Default `not_utf8`. */
  code?: UnreadableTextError['code'];
}

/** How ZIP (`.xlsx`, `.ods`) and the older `.xls` begin. */
const WORKBOOKS = [Buffer.from('504b0304', 'hex'), Buffer.from('d0cf11e0', 'hex')];

/**
 * Finds out how a file is encoded while it passes by: spreadsheets save "CSV" as UTF-8, as UTF-16 ("Unicode text"),
 * and in Western Europe and America as Windows-1252. A file with umlauts in the last says nowhere that it is.
 */
export class EncodingSniffer {
  #head: Buffer = Buffer.alloc(0);
  /** Bytes that the character under way still needs. */
  #expected = 0;
  #characters = 0;
  #flaws = 0;

  push(chunk: Buffer): void {
    if (this.#head.length < 4) this.#head = Buffer.concat([this.#head, chunk.subarray(0, 4)]).subarray(0, 4);
    if (this.#expected === 0 && isAscii(chunk)) return;
    for (const byte of chunk) this.#take(byte);
  }

  /**
   * @returns the encoding of all that passed by.
   * @throws {UnreadableTextError} for UTF-8 that is damaged: Windows-1252 would make wrong letters of the rest; and for
   * a workbook.
   */
  end(): Encoding {
    if (WORKBOOKS.some((start) => start.equals(this.#head))) {
      throw new UnreadableTextError('The file is a workbook or an archive: save it as CSV, and send that.', {
        code: 'not_text',
      });
    }
    const [first, second, third, fourth] = this.#head;
    if (first === 0xff && second === 0xfe) return 'utf-16le';
    if (first === 0xfe && second === 0xff) return 'utf-16be';
    // Without a mark: a header of ASCII has a zero in every other byte.
    if (first !== 0 && second === 0 && third !== 0 && fourth === 0) return 'utf-16le';
    if (first === 0 && second !== 0 && third === 0 && fourth !== 0) return 'utf-16be';
    if (this.#flaws === 0 && this.#expected === 0) return 'utf-8';
    if (this.#characters > 0 || this.#flaws === 0) {
      throw new UnreadableTextError('The file is not text in UTF-8: some of its characters are damaged.');
    }
    return 'windows-1252';
  }

  #take(byte: number): void {
    if (this.#expected > 0) {
      if (byte >> 6 === 0b10) {
        this.#expected -= 1;
        if (this.#expected === 0) this.#characters += 1;
        return;
      }
      this.#expected = 0;
      this.#flaws += 1;
    }
    if (byte < 0x80) return;
    if (byte >= 0xc2 && byte <= 0xdf) this.#expected = 1;
    else if (byte >= 0xe0 && byte <= 0xef) this.#expected = 2;
    else if (byte >= 0xf0 && byte <= 0xf4) this.#expected = 3;
    else this.#flaws += 1;
  }
}

/** Decodes a file piece by piece. A byte order mark is left out. */
export class FileDecoder {
  readonly #decoder: TextDecoder;

  constructor(encoding: Encoding) {
    this.#decoder = new TextDecoder(encoding, { fatal: true });
  }

  /**
   * @param chunk nothing at the end of the file.
   * @throws {UnreadableTextError} for bytes that are no text in this encoding.
   */
  decode(chunk?: Buffer): string {
    try {
      return chunk ? this.#decoder.decode(chunk, { stream: true }) : this.#decoder.decode();
    } catch (error) {
      throw new UnreadableTextError('The file is not text in UTF-8.', { cause: error });
    }
  }
}
