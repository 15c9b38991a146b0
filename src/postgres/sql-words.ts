/** Bytes of a word that are compared. */
const LONGEST_NAME = 1024;

const lower = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte);
const LOWER = new Uint8Array(256).map((_, byte) => lower(byte));

/** Cache of words: the same few occur in every statement, and a new string is expensive. */
export class WordCache {
  readonly #words: string[] = new Array(256).fill('');

  /** Returns the word at these bytes, in lower case. */
  read(data: Buffer, at: number, to: number): string {
    const length = to - at;
    const slot = ((data[at] as number) * 7 + (data[to - 1] as number) * 31 + length * 13) & 0xff;
    const known = this.#words[slot] as string;
    if (known.length === length) {
      let same = 0;
      while (same < length && known.charCodeAt(same) === LOWER[data[at + same] as number]) same += 1;
      if (same === length) return known;
    }
    const word = String.fromCharCode(...data.subarray(at, Math.min(to, at + LONGEST_NAME)).map(lower));
    this.#words[slot] = word;
    return word;
  }
}

/** Whether the statement creates a function or a procedure. */
export function createsRoutine([first, second, third, fourth]: readonly string[]): boolean {
  if (first !== 'create') return false;
  const object = second === 'or' && third === 'replace' ? fourth : second;
  return object === 'function' || object === 'procedure';
}

/** Whether the statement is a COPY to which psql sends the following lines. */
export function readsRows(words: readonly string[]): boolean {
  if (words[0] !== 'copy') return false;
  const from = words.indexOf('from');
  return from > 0 && (words[from + 1] === 'stdin' || words[from + 1] === 'stdout');
}
