import { interpolate, TemplateError } from './interpolate.js';
import type { Reference } from './tree.js';

/** One assignment of an env file, in the file's order. */
export interface EnvFileEntry {
  name: string;
  value: string;
  /** 1-based line of the name. */
  line: number;
  /** The variables of its `${…}`. A bare `NAME` line refers to itself. */
  references: Reference[];
}

export interface EnvFile {
  entries: EnvFileEntry[];
  /** Names of variables that are not set and became empty. */
  unset: { name: string; line: number }[];
}

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

// Go's notions of a space. Those within a line also end a key; U+0085 is one of them and no `\s` of JavaScript.
const LINE_SPACE = /[\t\v\f\r \u0085\u00a0]/;
const SPACE = /[\s\u0085]/;
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
 * Reads the `.env` format of Compose: `NAME=value`, `NAME: value`, `export NAME=value`, a bare `NAME` (the value
 * of `lookup`, or nothing), comments, single quotes (literal), double quotes (escapes and interpolation), values
 * over several lines, BOM and CRLF. A later assignment of a name stands beside an earlier one; the last wins.
 *
 * @param lookup what a `${…}` and a bare name see before the file's own earlier names
 * @throws EnvFileError where Compose refuses the file.
 */
export function parseEnvFile(text: string, lookup: (name: string) => string | undefined): EnvFile {
  const source = text.replace(/^\ufeff/, '');
  const entries: EnvFileEntry[] = [];
  const unset: EnvFile['unset'] = [];
  const own = new Map<string, string>();
  const see = (name: string) => lookup(name) ?? own.get(name);
  let offset = 0;

  const lineAt = (index: number) => source.slice(0, index).split('\n').length;

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

  /** Moves behind the key. A key that ends with its line is bare; at the end of the file it is not a key at all. */
  function readKey(): { name: string; line: number; bare: boolean } {
    if (/^export[\t\n\f\r ]/.test(source.slice(offset, offset + 7))) {
      offset += 'export'.length;
      skip(LINE_SPACE);
    }
    const start = offset;
    for (const character of source.slice(start)) {
      if (character === '=' || character === ':' || character === '\n') {
        const name = source.slice(start, offset).replace(/[\s\u0085]+$/, '');
        const line = lineAt(start);
        if (name.includes(' ')) {
          throw new EnvFileError('ENV_FILE_SYNTAX', 'a key cannot contain a space', line);
        }
        offset++;
        skip(LINE_SPACE);
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

  function readValue(name: string, line: number): { text: string; template: boolean } {
    const quote = source[offset];
    if (quote !== '"' && quote !== "'") {
      const end = source.indexOf('\n', offset);
      const raw = source.slice(offset, end < 0 ? undefined : end);
      offset = end < 0 ? source.length : end + 1;
      const comment = raw.indexOf(' #');
      const value = (comment < 0 ? raw : raw.slice(0, comment)).replace(/[\s\u0085]+$/, '');
      return { text: value, template: true };
    }
    let value = '';
    for (let index = offset + 1; index < source.length; index++) {
      const character = source[index] as string;
      if (character === quote) {
        offset = index + 1;
        return quote === '"'
          ? { text: expandEscapes(value), template: true }
          : { text: value, template: false };
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
    const { name, line, bare } = readKey();
    if (bare) {
      const value = lookup(name);
      if (value !== undefined) {
        entries.push({ name, value, line, references: [{ name, value }] });
        own.set(name, value);
      }
      continue;
    }
    const { text: raw, template } = readValue(name, line);
    const resolved = template ? resolve(raw, line) : { text: raw, references: [] };
    entries.push({ name, value: resolved.text, line, references: resolved.references });
    own.set(name, resolved.text);
  }
  return { entries, unset };

  function resolve(raw: string, line: number): { text: string; references: Reference[] } {
    try {
      const result = interpolate(raw, see);
      unset.push(...result.unset.map((name) => ({ name, line })));
      return result;
    } catch (error) {
      if (error instanceof TemplateError) throw new EnvFileError(error.code, error.message, line);
      throw error;
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
