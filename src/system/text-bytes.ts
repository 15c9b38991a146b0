/**
 * Names in a database may be bytes of any encoding. What is UTF-8 becomes text; each other byte becomes a
 * surrogate on its own (0xe9: U+DCE9), which no text has, and becomes that byte again.
 */

const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const LONE = 0xdc00;

export function decodeBytes(bytes: Buffer): string {
  try {
    return STRICT.decode(bytes);
  } catch {
    return [...pieces(bytes)].join('');
  }
}

function* pieces(bytes: Buffer): Generator<string> {
  let from = 0;
  for (let at = 0; at < bytes.length; ) {
    const length = characterLength(bytes, at);
    if (length === 0) {
      yield bytes.toString('utf8', from, at) + String.fromCharCode(LONE + (bytes[at] as number));
      from = at + 1;
    }
    at += length || 1;
  }
  yield bytes.toString('utf8', from);
}

/** Length of the UTF-8 character that begins here; 0: none does. */
function characterLength(bytes: Buffer, at: number): number {
  const lead = bytes[at] as number;
  if (lead < 0x80) return 1;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  try {
    return STRICT.decode(bytes.subarray(at, at + length)).length > 0 && at + length <= bytes.length
      ? length
      : 0;
  } catch {
    return 0;
  }
}

export function encodeBytes(text: string): Buffer {
  if (!/\p{Surrogate}/u.test(text)) return Buffer.from(text);
  return Buffer.concat(
    text
      .split(/([\udc80-\udcff])/u)
      .map((part, index) => (index % 2 === 1 ? Buffer.from([part.charCodeAt(0) - LONE]) : Buffer.from(part))),
  );
}
