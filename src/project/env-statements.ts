/** What is wrong with an env file, and where. Messages name keys, never values. */
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
  /** Empty where Compose reads a value without a name: `=value`, and a last line without a sign and a line feed. */
  name: string;
  /** 1-based line of the name. */
  line: number;
  /** 1-based line on which the value ends. */
  endLine: number;
  /** A name without a sign. */
  bare: boolean;
  /** The value without its quotes and escapes, its `${…}` as they are; empty for a bare name. */
  text: string;
  /** None, where the value is not quoted. */
  quote: '"' | "'" | undefined;
  /** Offset of the statement's first character, `export` included. */
  start: number;
  /** Offsets of the value with its quotes: `source.slice(valueStart, end)`. */
  valueStart: number;
  end: number;
}

// Go's notions of a space. Those within a line also end a key; U+0085 is one of them and no `\s` of JavaScript.
const LINE_SPACE = /[\t\v\f\r \u0085\u00a0]/;
const SPACE = /[\s\u0085]/;
const TRAILING_SPACE = /[\s\u0085]+$/;
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
 * The statements of the `.env` format of Compose, in order: `NAME=value`, `NAME: value`, `export NAME=value`, a bare
 * `NAME`, comments, single quotes (literal), double quotes (escapes), values over several lines, BOM and CRLF.
 *
 * @throws EnvFileError at the statement that Compose refuses; those before it have been given.
 */
export function* envStatements(source: string): Generator<EnvStatement> {
  let offset = source.startsWith('\ufeff') ? 1 : 0;
  let counted = { offset: 0, line: 1 };

  /** Asked for offsets that only grow. */
  const lineAt = (index: number): number => {
    const feeds = source.slice(counted.offset, index).split('\n').length - 1;
    counted = { offset: index, line: counted.line + feeds };
    return counted.line;
  };

  const skip = (pattern: RegExp) => {
    while (offset < source.length && pattern.test(source[offset] as string)) offset++;
  };

  function skipToStatement(): boolean {
    for (;;) {
      skip(SPACE);
      if (source[offset] !== '#') return offset < source.length;
      const end = source.indexOf('\n', offset);
      if (end < 0) return false;
      offset = end;
    }
  }

  /** Moves behind the sign. A key that ends with its line is bare; at the end of the file it is not a key at all. */
  function readKey(): { name: string; line: number; bare: boolean } {
    if (/^export[\t\n\f\r ]/.test(source.slice(offset, offset + 7))) {
      offset += 'export'.length;
      skip(LINE_SPACE);
    }
    const start = offset;
    for (const character of source.slice(start)) {
      if (character === '=' || character === ':' || character === '\n') {
        const name = source.slice(start, offset).replace(TRAILING_SPACE, '');
        const line = lineAt(start);
        if (name.includes(' ')) {
          throw new EnvFileError('ENV_FILE_SYNTAX', 'a key cannot contain a space', line);
        }
        offset++;
        return { name, line, bare: character === '\n' };
      }
      if (!LINE_SPACE.test(character) && !KEY_CHARACTER.test(character)) {
        throw new EnvFileError(
          'ENV_FILE_SYNTAX',
          `unexpected character ${JSON.stringify(character)} in a variable name`,
          lineAt(offset),
        );
      }
      offset += character.length;
    }
    // A last line without `=` and without a line feed: Compose takes it for the value of a nameless variable.
    offset = start;
    return { name: '', line: lineAt(start), bare: false };
  }

  function readValue(
    name: string,
    line: number,
  ): Pick<EnvStatement, 'text' | 'quote' | 'valueStart' | 'end'> {
    const begin = offset;
    skip(LINE_SPACE);
    const valueStart = offset;
    const quote = source[offset];
    if (quote !== '"' && quote !== "'") {
      const feed = source.indexOf('\n', offset);
      const raw = source.slice(offset, feed < 0 ? undefined : feed);
      offset = feed < 0 ? source.length : feed;
      const comment = raw.indexOf(' #');
      const text = (comment < 0 ? raw : raw.slice(0, comment)).replace(TRAILING_SPACE, '');
      // Behind the sign, where there is no value: what was skipped may be the CR of the line's end.
      const from = text === '' ? begin : valueStart;
      return { text, quote: undefined, valueStart: from, end: from + text.length };
    }
    let value = '';
    for (let index = offset + 1; index < source.length; index++) {
      const character = source[index] as string;
      if (character === quote) {
        offset = index + 1;
        return { text: quote === '"' ? expandEscapes(value) : value, quote, valueStart, end: offset };
      }
      if (character === '\\' && index + 1 < source.length) {
        index++;
        value += source[index] === quote ? quote : `\\${source[index]}`;
      } else {
        value += character;
      }
    }
    throw new EnvFileError('ENV_FILE_SYNTAX', `the value of ${name} has no closing ${quote}`, line);
  }

  while (skipToStatement()) {
    const start = offset;
    const { name, line, bare } = readKey();
    if (bare) {
      const end = offset - 1;
      yield { name, line, endLine: line, bare, text: '', quote: undefined, start, valueStart: end, end };
    } else {
      const value = readValue(name, line);
      yield { name, line, endLine: lineAt(value.end), bare, start, ...value };
    }
  }
}

function expandEscapes(text: string): string {
  return text.replace(ESCAPE, (match) => {
    const letter = match[1] as string;
    if (letter !== '0') return CONTROL[letter] ?? match;
    // `\0` begins an octal escape of exactly three more digits up to 377; anything else only loses its zero.
    const digits = match.slice(2);
    const code = /^[0-3][0-7]{2}$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
    return code === undefined ? `\\${digits}` : String.fromCharCode(code);
  });
}
