import { decodeBytes } from '../system/text-bytes.js';

type LengthOf = (lead: number, second: number) => number;

const shiftJis: LengthOf = (lead) => (lead >= 0xa1 && lead <= 0xdf ? 1 : 2);
const two: LengthOf = () => 2;

/**
 * Client encodings in which a multibyte character may contain an ASCII byte, such as a backslash, with the
 * function that gives a character's length in bytes (src/common/wchar.c of PostgreSQL). No server stores its
 * data in one of them.
 */
const UNSAFE: Record<string, LengthOf> = {
  sjis: shiftJis,
  shiftjis: shiftJis,
  mskanji: shiftJis,
  win932: shiftJis,
  windows932: shiftJis,
  shiftjis2004: shiftJis,
  big5: two,
  win950: two,
  windows950: two,
  gbk: two,
  win936: two,
  windows936: two,
  uhc: two,
  win949: two,
  windows949: two,
  johab: (lead) => (lead === 0x8f ? 3 : 2),
  gb18030: (_, second) => (second >= 0x30 && second <= 0x39 ? 4 : 2),
};

/** PostgreSQL's names of encodings, with the WHATWG's names of the same encodings, which Node decodes. */
const DECODERS: Record<string, string> = {
  euccn: 'gb2312',
  eucjp: 'euc-jp',
  euckr: 'euc-kr',
  latin2: 'iso-8859-2',
  latin3: 'iso-8859-3',
  latin4: 'iso-8859-4',
  latin5: 'iso-8859-9',
  latin6: 'iso-8859-10',
  latin7: 'iso-8859-13',
  latin8: 'iso-8859-14',
  latin9: 'iso-8859-15',
  latin10: 'iso-8859-16',
  iso88595: 'iso-8859-5',
  iso88596: 'iso-8859-6',
  iso88597: 'iso-8859-7',
  iso88598: 'iso-8859-8',
  koi8r: 'koi8-r',
  koi8u: 'koi8-u',
  win866: 'ibm866',
  win874: 'windows-874',
  sjis: 'shift_jis',
  big5: 'big5',
  gbk: 'gbk',
  uhc: 'euc-kr',
  gb18030: 'gb18030',
};

/** Normalises the name of an encoding: PostgreSQL accepts `Latin-1` for `LATIN1`. */
function key(encoding: string): string {
  return encoding.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

/**
 * Decodes text of a PostgreSQL encoding, such as a name in a dump. Bytes of an unknown encoding stay as they
 * are, one character each.
 */
export function decodeText(bytes: Buffer, encoding: string): string {
  const name = key(encoding);
  if (['utf8', 'unicode', 'sqlascii'].includes(name)) return decodeBytes(bytes);
  const decoder = DECODERS[name] ?? /^win(\d{4})$/.exec(name)?.[1]?.replace(/^/, 'windows-');
  return decoder === undefined ? bytes.toString('latin1') : new TextDecoder(decoder).decode(bytes);
}

/**
 * Replaces the second and later bytes of each character by 0xff, as psql does before it looks for quotes. A
 * line break is never a part of a character, because psql reads lines.
 */
export class MultibyteMask {
  readonly #lengthOf: LengthOf;
  #lead: number | undefined;
  #trailing = 0;

  private constructor(lengthOf: LengthOf) {
    this.#lengthOf = lengthOf;
  }

  /** Returns undefined if every byte below 0x80 is ASCII in this encoding. */
  static of(encoding: string): MultibyteMask | undefined {
    const lengthOf = UNSAFE[key(encoding)];
    return lengthOf && new MultibyteMask(lengthOf);
  }

  /** @param bytes the bytes that follow those of the previous call. */
  apply(bytes: Buffer): Buffer {
    const masked = Buffer.from(bytes);
    for (let at = 0; at < masked.length; at += 1) {
      const byte = masked[at] as number;
      if (byte === 0x0a) {
        this.#lead = undefined;
        this.#trailing = 0;
        continue;
      }
      if (this.#lead !== undefined) {
        this.#trailing = this.#lengthOf(this.#lead, byte) - 1;
        this.#lead = undefined;
      } else if (this.#trailing === 0) {
        if (byte >= 0x80) this.#lead = byte;
        continue;
      }
      if (this.#trailing === 0) {
        // The character before it has one byte.
        if (byte >= 0x80) this.#lead = byte;
        continue;
      }
      masked[at] = 0xff;
      this.#trailing -= 1;
    }
    return masked;
  }
}
