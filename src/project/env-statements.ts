/** An error in an env file, with its line. Messages name keys, never values. */
export class EnvFileError extends Error {
  override readonly name = 'EnvFileError';
  readonly code: 'ENV_FILE_SYNTAX' | 'INTERPOLATION_SYNTAX' | 'VARIABLE_REQUIRED';
  /** 1-based. */
  readonly line: number;

  constructor(code: EnvFileError['code'], message: string, line: number) {
    super(message);
    this.code = code;
    this.line = line;
  }
}

/** One `NAME=value` or bare `NAME` of an env file, with the places of its parts. */
export interface EnvStatement {
  /**
   * Empty if Compose reads a value without a name: `=value`, and a last line without a sign and a line feed.
   */
  name: string;
  /** 1-based line of the name. */
  line: number;
  /** 1-based line on which the value ends. */
  endLine: number;
  /** True for a name without a sign. */
  bare: boolean;
  /** The value without its quotes and escapes, with its `${…}` unresolved; empty for a bare name. */
  text: string;
  /** Undefined if the value is not quoted. */
  quote: '"' | "'" | undefined;
  /** Offset of the statement's first character, `export` included. */
  start: number;
  /** Offsets of the value with its quotes: `source.slice(valueStart, end)`. */
  valueStart: number;
  end: number;
}

// Go's definition of a space. Those within a line also end a key; U+0085 is one of them, U+FEFF is none, and
// JavaScript's `\s` has it the other way round.
const LINE_SPACE = /[\t\v\f\r \u0085\u00a0]/;
const SPACE = /[^\S\ufeff]|\u0085/;
const TRAILING_SPACE = /(?:[^\S\ufeff]|\u0085)+$/;
const KEY_CHARACTER = /[\p{L}\p{N}_.\-[\]]/u;
const ESCAPE = /\\(?:[abcfnrtv$"\\]|0\d{0,3})/g;
const CONTROL: Record<string, string> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
  // The template language reads the doubled dollar as a plain one.
  $: '$$',
};

/**
 * Yields the statements of Compose's `.env` format, in order: `NAME=value`, `NAME: value`, `export
 * NAME=value`, a bare `NAME`, comments, single quotes (literal), double quotes (escapes), values over several
 * lines, BOM and CRLF.
 * @throws EnvFileError at the statement that Compose refuses, after yielding those before it.
 */
export function* envStatements(source: string): Generator<EnvStatement> {
  const scanner = new Scanner(source);
  while (scanner.skipToStatement()) {
    const start = scanner.offset;
    const { name, line, bare } = scanner.readKey();
    if (bare) {
      const end = scanner.offset - 1;
      yield { name, line, endLine: line, bare, text: '', quote: undefined, start, valueStart: end, end };
    } else {
      const value = scanner.readValue(name, line);
      yield { name, line, endLine: scanner.lineAt(value.end), bare, start, ...value };
    }
  }
}

class Scanner {
  /** Offset of the next character. */
  offset: number;
  private readonly source: string;
  private counted = { offset: 0, line: 1 };

  constructor(source: string) {
    this.source = source;
    this.offset = source.startsWith('\ufeff') ? 1 : 0;
  }

  /** Must be called with increasing offsets. */
  lineAt(index: number): number {
    const feeds = this.source.slice(this.counted.offset, index).split('\n').length - 1;
    this.counted = { offset: index, line: this.counted.line + feeds };
    return this.counted.line;
  }

  private skip(pattern: RegExp): void {
    while (this.offset < this.source.length && pattern.test(this.source[this.offset] as string))
      this.offset++;
  }

  skipToStatement(): boolean {
    for (;;) {
      this.skip(SPACE);
      if (this.source[this.offset] !== '#') return this.offset < this.source.length;
      const end = this.source.indexOf('\n', this.offset);
      if (end < 0) return false;
      this.offset = end;
    }
  }

  /**
   * Moves to the position after the sign. A key that ends with its line is bare; at the end of the file it is
   * not a key.
   */
  readKey(): { name: string; line: number; bare: boolean } {
    if (/^export[\t\n\f\r ]/.test(this.source.slice(this.offset, this.offset + 7))) {
      this.offset += 'export'.length;
      this.skip(LINE_SPACE);
    }
    const start = this.offset;
    for (const character of this.source.slice(start)) {
      if (character === '=' || character === ':' || character === '\n') {
        const name = this.source.slice(start, this.offset).replace(TRAILING_SPACE, '');
        const line = this.lineAt(start);
        if (name.includes(' ')) {
          throw new EnvFileError('ENV_FILE_SYNTAX', 'a key cannot contain a space', line);
        }
        this.offset++;
        return { name, line, bare: character === '\n' };
      }
      if (!LINE_SPACE.test(character) && !KEY_CHARACTER.test(character)) {
        throw new EnvFileError(
          'ENV_FILE_SYNTAX',
          `unexpected character ${JSON.stringify(character)} in a variable name`,
          this.lineAt(this.offset),
        );
      }
      this.offset += character.length;
    }
    // Compose reads a last line without `=` and without a line feed as the value of a nameless variable.
    this.offset = start;
    return { name: '', line: this.lineAt(start), bare: false };
  }

  readValue(name: string, line: number): Pick<EnvStatement, 'text' | 'quote' | 'valueStart' | 'end'> {
    const begin = this.offset;
    this.skip(LINE_SPACE);
    const valueStart = this.offset;
    const quote = this.source[this.offset];
    if (quote !== '"' && quote !== "'") {
      const feed = this.source.indexOf('\n', this.offset);
      const raw = this.source.slice(this.offset, feed < 0 ? undefined : feed);
      this.offset = feed < 0 ? this.source.length : feed;
      const comment = raw.indexOf(' #');
      const text = (comment < 0 ? raw : raw.slice(0, comment)).replace(TRAILING_SPACE, '');
      // The position after the sign if there is no value: the skipped characters may include the CR of the
      // line end.
      const from = text === '' ? begin : valueStart;
      return { text, quote: undefined, valueStart: from, end: from + text.length };
    }
    let value = '';
    for (let index = this.offset + 1; index < this.source.length; index++) {
      const character = this.source[index] as string;
      if (character === quote) {
        this.offset = index + 1;
        return { text: quote === '"' ? expandEscapes(value) : value, quote, valueStart, end: this.offset };
      }
      if (character === '\\' && index + 1 < this.source.length) {
        index++;
        value += this.source[index] === quote ? quote : `\\${this.source[index]}`;
      } else {
        value += character;
      }
    }
    throw new EnvFileError('ENV_FILE_SYNTAX', `the value of ${name} has no closing ${quote}`, line);
  }
}

function expandEscapes(text: string): string {
  return text.replace(ESCAPE, (match) => {
    const letter = match[1] as string;
    if (letter !== '0') return CONTROL[letter] ?? match;
    // `\0` begins an octal escape of exactly three more digits up to 377; otherwise only the zero is removed.
    const digits = match.slice(2);
    const code = /^[0-3][0-7]{2}$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
    return code === undefined ? `\\${digits}` : String.fromCharCode(code);
  });
}
