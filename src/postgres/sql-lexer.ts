import { MultibyteMask } from './client-encoding.js';
import { DIGIT, IDENTIFIER, KIND, SPACE, STARTS_SOMETHING } from './sql-characters.js';
import type { OpenSql, SqlEvents } from './sql-events.js';
import { createsRoutine, readsRows, WordCache } from './sql-words.js';

type State =
  | 'top'
  | 'string'
  | 'escape string'
  | 'identifier'
  | 'dollar quote'
  | 'line comment'
  | 'block comment'
  | 'psql command'
  | 'copy tail'
  | 'copy data';

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const QUOTE = 0x27;
const DOUBLE_QUOTE = 0x22;
const BACKSLASH = 0x5c;
const DOLLAR = 0x24;
const COLON = 0x3a;
const DASH = 0x2d;
const SLASH = 0x2f;
const STAR = 0x2a;
const DOT = 0x2e;
const END_OF_ROWS = Buffer.from('\n\\.');
/** The mark in UTF-8. psql skips it if the client encoding is UTF8. */
export const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

const HEAD_BYTES = 1024;
const KEPT_WORDS = 24;
/** In bytes. The lexer does not wait for more text of a longer token: no dump has one. */
const LONGEST_TOKEN = 64 * 1024;
/** A search by the platform costs as much as looking at this many bytes one by one. */
const SHORT = 32;
const EMPTY = Buffer.alloc(0);

/**
 * Reads SQL as psql splits it (src/fe_utils/psqlscan.l of PostgreSQL 17), piece by piece and as bytes:
 * statements, strings, comments, and the rows of a COPY. Memory does not grow with a statement or a row. `SET
 * client_encoding` and `SET standard_conforming_strings` change how the following text is read.
 */
export class SqlLexer {
  readonly #events: SqlEvents;
  /** The bytes in work, and their offset in the text. */
  #data: Buffer = EMPTY;
  #base = 0;
  /** `data` with the trailing bytes of multibyte characters masked, if the encoding requires it. */
  #safe: Buffer = EMPTY;
  #mask: MultibyteMask | undefined;
  #last = false;
  #state: State = 'top';
  #standardStrings = true;

  #lines = 0;
  #returns = 0;
  /** Offset in `data` up to which lines were counted. */
  #counted = 0;
  #byteBefore = 0;

  /** Offset of the open statement or psql command; -1: none. */
  #start = -1;
  #line = 0;
  #head: Buffer = EMPTY;
  #words: string[] = [];
  readonly #read = new WordCache();
  #depth = 0;
  #rows = -1;
  /** Number of open BEGIN and CASE in the body of a routine. */
  #body = 0;
  #routine = false;

  #tag: Buffer = EMPTY;
  #comments = 0;
  #commentStart = 0;
  #lineStart = false;
  #copyLine = 0;
  #trailing = false;

  constructor(events: SqlEvents) {
    this.#events = events;
  }

  /** Number of line breaks so far, and how many of them are CR LF. */
  get lines(): { all: number; crlf: number } {
    return { all: this.#lines, crlf: this.#returns };
  }

  /** Offset up to which the text was read. */
  get position(): number {
    return this.#base;
  }

  /** Offset of the statement or psql command that has not ended yet. */
  get openStart(): number | undefined {
    return this.#start < 0 ? undefined : this.#start;
  }

  push(chunk: Buffer): void {
    const masked = this.#mask?.apply(chunk) ?? chunk;
    const carried = this.#data.length > 0;
    const apart = this.#mask !== undefined || this.#safe !== this.#data;
    const data = carried ? Buffer.concat([this.#data, chunk]) : chunk;
    this.#safe = !apart ? data : carried ? Buffer.concat([this.#safe, masked]) : masked;
    this.#data = data;
    this.#run();
  }

  /** @returns the construct that is open at the end of the text. */
  end(): OpenSql | undefined {
    this.#last = true;
    this.#run();
    const open = this.#openAtEnd();
    if (this.#state === 'copy data' || this.#state === 'copy tail') this.#endOfCopy(0, false);
    else if (this.#start >= 0) {
      if (this.#state === 'psql command') this.#endPsqlCommand(0);
      else this.#endStatement(0, false);
    }
    return open;
  }

  #openAtEnd(): OpenSql | undefined {
    switch (this.#state) {
      case 'top':
      case 'line comment':
        return this.#start < 0 ? undefined : 'statement';
      case 'escape string':
        return 'string';
      case 'block comment':
        return 'comment';
      case 'copy tail':
        return 'copy data';
      default:
        return this.#state;
    }
  }

  #run(): void {
    let at = 0;
    if (this.#base === 0 && this.#safe.subarray(0, 3).equals(BYTE_ORDER_MARK)) at = 3;
    const end = this.#data.length;
    for (;;) {
      const before = this.#state;
      const next = this.#step(at, end);
      if (next === at && this.#state === before) break;
      at = next;
      if (at >= end) break;
    }
    this.#countTo(at);
    this.#keepHead(at);
    if (at > 0) this.#byteBefore = this.#data[at - 1] as number;
    const same = this.#safe === this.#data;
    this.#data = this.#data.subarray(at);
    this.#safe = same ? this.#data : this.#safe.subarray(at);
    this.#base += at;
    this.#counted = 0;
  }

  /**
   * Continues in the present state.
   * @returns the offset at which it stopped: at the end of the state, or because more text is needed.
   */
  #step(at: number, end: number): number {
    switch (this.#state) {
      case 'top':
        return this.#start < 0 ? this.#between(at, end) : this.#inStatement(at, end);
      case 'string':
        return this.#quoted(QUOTE, at, end);
      case 'identifier':
        return this.#quoted(DOUBLE_QUOTE, at, end);
      case 'escape string':
        return this.#escapeString(at, end);
      case 'dollar quote':
        return this.#dollarQuoted(at, end);
      case 'line comment':
        return this.#lineComment(at, end);
      case 'block comment':
        return this.#blockComment(at, end);
      case 'psql command':
        return this.#psqlCommand(at, end);
      case 'copy tail':
        return this.#copyTail(at, end);
      case 'copy data':
        return this.#copyData(at, end);
    }
  }

  /** Reads the text between statements. */
  #between(from: number, end: number): number {
    const data = this.#safe;
    let at = from;
    while (at < end && KIND[data[at] as number] === SPACE) at += 1;
    if (at >= end) return at;
    const byte = data[at] as number;
    if (byte === DASH || byte === SLASH) {
      if (at + 1 >= end && !this.#last) return at;
      if (this.#opensComment(at)) return at + (byte === SLASH ? 2 : 0);
    }
    this.#countTo(at);
    this.#start = this.#base + at;
    this.#line = this.#lines + 1;
    if (byte === BACKSLASH) {
      this.#state = 'psql command';
      return at + 1;
    }
    return this.#inStatement(at, end);
  }

  #opensComment(at: number): boolean {
    const next = this.#safe[at + 1];
    if (this.#safe[at] === DASH && next === DASH) {
      this.#state = 'line comment';
      this.#commentStart = this.#base + at;
      return true;
    }
    if (this.#safe[at] === SLASH && next === STAR) {
      this.#state = 'block comment';
      this.#comments = 1;
      return true;
    }
    return false;
  }

  #inStatement(from: number, end: number): number {
    const data = this.#safe;
    let at = from;
    for (;;) {
      while (at < end && (KIND[data[at] as number] as number) < STARTS_SOMETHING) at += 1;
      if (at >= end) return at;
      const next = this.#token(at, end);
      // A construct with a state of its own, the end of the statement, or a token that is not complete yet.
      if (next === at || this.#state !== 'top' || this.#start < 0) return next;
      at = next;
    }
  }

  /**
   * Reads one token of a statement.
   * @returns its end, or `at` if more text is needed first.
   */
  #token(at: number, end: number): number {
    const data = this.#safe;
    const byte = data[at] as number;
    const kind = KIND[byte];
    if (kind === IDENTIFIER) return this.#word(at, end);
    if (kind === DIGIT) return this.#number(at, end);
    switch (byte) {
      case QUOTE:
        this.#state = this.#standardStrings ? 'string' : 'escape string';
        return at + 1;
      case DOUBLE_QUOTE:
        this.#state = 'identifier';
        return at + 1;
      case DASH:
      case SLASH:
        if (at + 1 >= end && !this.#last) return at;
        if (!this.#opensComment(at)) return at + 1;
        return at + (byte === SLASH ? 2 : 0);
      case DOLLAR:
        return this.#dollar(at, end);
      case COLON:
        return this.#colon(at, end);
      case BACKSLASH:
        return this.#commandInStatement(at);
      case 0x28:
        if (this.#depth === 0 && this.#rows >= 0) this.#rows += 1;
        this.#depth += 1;
        return at + 1;
      case 0x29:
        if (this.#depth > 0) this.#depth -= 1;
        return at + 1;
      default:
        if (this.#depth === 0 && this.#body === 0) this.#endStatement(at + 1, true);
        return at + 1;
    }
  }

  /** psql also runs a command inside a statement; the statement continues after it. */
  #commandInStatement(at: number): number {
    this.#countTo(at);
    const end = this.#data.indexOf(NEWLINE, at);
    const until = end < 0 ? this.#data.length : end;
    if (end < 0 && !this.#last && until - at < LONGEST_TOKEN) return at;
    this.#events.psqlCommand({
      start: this.#base + at,
      end: this.#base + until,
      line: this.#lines + 1,
      text: this.#data.toString('latin1', at, Math.min(until, at + HEAD_BYTES)),
      within: true,
    });
    return until;
  }

  #word(at: number, end: number): number {
    const data = this.#safe;
    let to = at + 1;
    while (to < end && isNameByte(data[to] as number)) to += 1;
    // A string's prefix has up to two more bytes: u&'
    if (to + 2 > end && !this.#last && to - at < LONGEST_TOKEN) return at;
    const prefixed = this.#prefixedString(at, to);
    if (prefixed > 0) return prefixed;
    if (this.#depth > 0) {
      if (this.#words.length === 0) this.#words.push('(');
      return to;
    }
    if (this.#words.length < KEPT_WORDS) {
      const word = this.#read.read(data, at, to);
      this.#words.push(word);
      if (word === 'values' && this.#rows < 0) this.#rows = 0;
      if (this.#words.length <= 4) this.#routine = createsRoutine(this.#words);
      if (this.#routine) this.#nest(word);
    } else if (this.#routine && to - at <= 5) this.#nest(this.#read.read(data, at, to));
    return to;
  }

  /**
   * Tracks the body of a routine: it may be written `BEGIN ATOMIC … END`, with semicolons that do not end the
   * statement.
   */
  #nest(word: string): void {
    if (word === 'begin') this.#body += 1;
    else if (word === 'case' && this.#body > 0) this.#body += 1;
    else if (word === 'end' && this.#body > 0) this.#body -= 1;
  }

  /** Returns the offset after the quote of `E'…'` and similar strings; 0: the word is not a prefix. */
  #prefixedString(at: number, to: number): number {
    if (to - at !== 1) return 0;
    const data = this.#safe;
    const letter = (data[at] as number) | 0x20;
    const next = data[to];
    if (next === QUOTE) {
      if (letter === 0x65) this.#state = 'escape string';
      else if (letter === 0x62 || letter === 0x78) this.#state = 'string';
      else return 0;
      return to + 1;
    }
    if (letter !== 0x75 || next !== 0x26) return 0;
    if (data[to + 1] === QUOTE) this.#state = 'string';
    else if (data[to + 1] === DOUBLE_QUOTE) this.#state = 'identifier';
    else return 0;
    return to + 2;
  }

  /**
   * Reads a number. One letter directly after it belongs to it, so the `e` of `1e'…'` is not a string's
   * prefix.
   */
  #number(at: number, end: number): number {
    const data = this.#safe;
    let to = at + 1;
    while (to < end && (KIND[data[to] as number] === DIGIT || data[to] === DOT || data[to] === 0x5f)) to += 1;
    if (to >= end && !this.#last && to - at < LONGEST_TOKEN) return at;
    return to < end && KIND[data[to] as number] === IDENTIFIER ? to + 1 : to;
  }

  #dollar(at: number, end: number): number {
    const data = this.#safe;
    let to = at + 1;
    while (to < end && isNameByte(data[to] as number) && data[to] !== DOLLAR) to += 1;
    if (to >= end && !this.#last && to - at < LONGEST_TOKEN) return at;
    const second = KIND[data[at + 1] as number];
    // `$1` and a letter directly after it.
    if (to > at + 1 && second === DIGIT) return this.#number(at + 1, end);
    if (data[to] !== DOLLAR || to >= end) return at + 1;
    this.#tag = Buffer.from(data.subarray(at, to + 1));
    this.#state = 'dollar quote';
    return to + 1;
  }

  /** Reads `:name`, which is a variable of psql to its end: the `e` of `:e'…'` is not a string's prefix. */
  #colon(at: number, end: number): number {
    const data = this.#safe;
    if (at + 1 >= end && !this.#last) return at;
    if (data[at + 1] === COLON) return at + 2;
    let to = at + 1;
    while (to < end && isNameByte(data[to] as number) && data[to] !== DOLLAR) to += 1;
    return to >= end && !this.#last && to - at < LONGEST_TOKEN ? at : to;
  }

  #quoted(quote: number, from: number, end: number): number {
    const data = this.#safe;
    let at = from;
    for (;;) {
      at = find(data, quote, at, end);
      if (at < 0) return end;
      if (at + 1 >= end && !this.#last) return at;
      if (data[at + 1] !== quote) break;
      at += 2;
    }
    this.#state = 'top';
    return at + 1;
  }

  #escapeString(from: number, end: number): number {
    const data = this.#safe;
    for (let at = from; at < end; at += 1) {
      const byte = data[at];
      if (byte !== BACKSLASH && byte !== QUOTE) continue;
      if (at + 1 >= end && !this.#last) return at;
      if (byte === QUOTE && data[at + 1] !== QUOTE) {
        this.#state = 'top';
        return at + 1;
      }
      at += 1;
    }
    return end;
  }

  #dollarQuoted(from: number, end: number): number {
    const at = this.#safe.indexOf(this.#tag, from);
    if (at < 0) return this.#last ? end : Math.max(from, end - this.#tag.length + 1);
    this.#state = 'top';
    return at + this.#tag.length;
  }

  #lineComment(from: number, end: number): number {
    const data = this.#safe;
    let at = from;
    while (at < end && data[at] !== NEWLINE && data[at] !== RETURN) at += 1;
    const begin = this.#commentStart - this.#base;
    // Short ones wait until they are complete, because the events need their text.
    if (at >= end && !this.#last) return begin >= 0 && end - begin < LONGEST_TOKEN ? from : end;
    if (this.#start < 0) {
      this.#countTo(at);
      const text = begin < 0 ? '' : this.#data.toString('latin1', begin, Math.min(at, begin + HEAD_BYTES));
      this.#events.comment({
        start: this.#commentStart,
        end: this.#base + at,
        line: this.#lines + 1,
        text,
        returns: data[at] === RETURN,
      });
    }
    this.#state = 'top';
    return at;
  }

  #blockComment(from: number, end: number): number {
    const data = this.#safe;
    for (let at = from; at < end; at += 1) {
      const byte = data[at];
      if (byte !== STAR && byte !== SLASH) continue;
      if (at + 1 >= end && !this.#last) return at;
      const next = data[at + 1];
      if (byte === STAR && next === SLASH) this.#comments -= 1;
      else if (byte === SLASH && next === STAR) this.#comments += 1;
      else continue;
      at += 1;
      if (this.#comments > 0) continue;
      this.#state = 'top';
      return at + 1;
    }
    return end;
  }

  #psqlCommand(from: number, end: number): number {
    const at = this.#data.indexOf(NEWLINE, from);
    if (at < 0) return end;
    this.#endPsqlCommand(at);
    return at;
  }

  #endPsqlCommand(at: number): void {
    this.#keepHead(at);
    const { start, line, head } = { start: this.#start, line: this.#line, head: this.#head };
    this.#reset();
    this.#events.psqlCommand({
      start,
      end: this.#base + at,
      line,
      text: head.toString('latin1').replace(/\r$/, ''),
      within: false,
    });
  }

  #endStatement(at: number, whole: boolean): void {
    const [start, line, words, rows] = [this.#start, this.#line, this.#words, this.#rows];
    const kept = this.#head;
    const head = (most = HEAD_BYTES): string => {
      const from = Math.max(start - this.#base, 0);
      const more = Math.max(most - kept.length, 0);
      return kept.toString('latin1') + this.#data.toString('latin1', from, Math.min(at, from + more));
    };
    this.#reset();
    this.#events.statement({
      start,
      end: this.#base + at,
      line,
      words,
      rows: Math.max(rows, 0),
      whole,
      head,
    });
    if (words[0] === 'set') this.#obey(words, head(), at);
    if (whole && readsRows(words)) {
      this.#state = 'copy tail';
      this.#trailing = false;
    }
  }

  #reset(): void {
    this.#state = 'top';
    this.#start = -1;
    this.#head = EMPTY;
    this.#words = [];
    this.#depth = 0;
    this.#rows = -1;
    this.#body = 0;
    this.#routine = false;
  }

  /** Applies settings that change how psql reads the following text. */
  #obey(words: readonly string[], text: string, at: number): void {
    const name = words[1] === 'session' || words[1] === 'local' ? words[2] : words[1];
    const value = /(?:=|\bto\b|\bnames\b)\s*'?([\w-]+)'?/i.exec(text)?.[1]?.toLowerCase();
    if (value === undefined) return;
    if (name === 'standard_conforming_strings') {
      this.#standardStrings = !['off', 'false', 'no', '0'].includes(value);
    }
    if (name !== 'client_encoding' && name !== 'names') return;
    this.#mask = MultibyteMask.of(value);
    const rest = this.#data.subarray(at);
    if (this.#mask) this.#safe = Buffer.concat([this.#data.subarray(0, at), this.#mask.apply(rest)]);
    else this.#safe = this.#data;
  }

  /** Reads from the semicolon of a COPY to the end of its line. */
  #copyTail(from: number, end: number): number {
    const data = this.#safe;
    let at = from;
    while (at < end && data[at] !== NEWLINE && KIND[data[at] as number] === SPACE) at += 1;
    if (at >= end) return at;
    if (data[at] !== NEWLINE) {
      if (at + 1 >= end && !this.#last) return at;
      if (!(data[at] === DASH && data[at + 1] === DASH)) this.#trailing = true;
      at = data.indexOf(NEWLINE, at);
      if (at < 0) return this.#last || end - from > LONGEST_TOKEN ? end : from;
    }
    this.#countTo(at + 1);
    this.#copyLine = this.#lines;
    this.#state = 'copy data';
    this.#lineStart = true;
    return at + 1;
  }

  #copyData(from: number, end: number): number {
    const data = this.#safe;
    let at = from;
    for (;;) {
      if (this.#lineStart) {
        if (at + 4 > end && !this.#last) return at;
        const ends = endsRows(data, at, end);
        if (ends > 0) {
          this.#endOfCopy(at, true);
          return ends;
        }
        this.#lineStart = false;
      }
      const found = data.indexOf(END_OF_ROWS, at);
      if (found < 0) break;
      at = found + 1;
      this.#lineStart = true;
    }
    if (this.#last) return end;
    // What may be the beginning of the mark is checked again with the next piece.
    if (end - 1 >= at && data[end - 1] === NEWLINE) return end - 1;
    if (end - 2 >= at && data[end - 2] === NEWLINE && data[end - 1] === BACKSLASH) return end - 2;
    return end;
  }

  #endOfCopy(at: number, whole: boolean): void {
    this.#countTo(at);
    const rows = this.#state === 'copy tail' ? 0 : this.#lines - this.#copyLine;
    this.#state = 'top';
    this.#events.copyData({ rows, whole, trailing: this.#trailing });
  }

  #countTo(to: number): void {
    const data = this.#data;
    let at = this.#counted;
    if (at >= to) return;
    if (at === 0 && data[0] === NEWLINE) {
      this.#lines += 1;
      if (this.#byteBefore === RETURN) this.#returns += 1;
      at = 1;
    }
    let lines = 0;
    let returns = 0;
    for (at = find(data, NEWLINE, at, to); at >= 0; at = find(data, NEWLINE, at + 1, to)) {
      lines += 1;
      if (data[at - 1] === RETURN) returns += 1;
    }
    this.#lines += lines;
    this.#returns += returns;
    this.#counted = to;
  }

  /** Keeps a copy of a statement's beginning, after the piece of text that it came in is released. */
  #keepHead(to: number): void {
    if (this.#start < 0 || this.#head.length >= HEAD_BYTES) return;
    const from = Math.max(this.#start - this.#base, 0);
    if (to <= from) return;
    const more = this.#data.subarray(from, Math.min(to, from + HEAD_BYTES - this.#head.length));
    this.#head = Buffer.concat([this.#head, more]);
  }
}

/** Returns the next offset of `byte`; -1: none before `end`. */
function find(data: Buffer, byte: number, from: number, end: number): number {
  const near = Math.min(end, from + SHORT);
  for (let at = from; at < near; at += 1) if (data[at] === byte) return at;
  if (near === end) return -1;
  // Not beyond `end`, because the same bytes would be searched again and again.
  const at = end === data.length ? data.indexOf(byte, near) : data.subarray(near, end).indexOf(byte) + near;
  return at < near ? -1 : at;
}

/** Returns the offset after a line `\.`; 0: it is another line. */
function endsRows(data: Buffer, at: number, end: number): number {
  if (data[at] !== BACKSLASH || data[at + 1] !== DOT || at + 2 > end) return 0;
  if (at + 2 === end || data[at + 2] === NEWLINE) return at + 2;
  return data[at + 2] === RETURN && data[at + 3] === NEWLINE && at + 3 < end ? at + 3 : 0;
}

function isNameByte(byte: number): boolean {
  const kind = KIND[byte];
  return kind === IDENTIFIER || kind === DIGIT || byte === DOLLAR;
}
