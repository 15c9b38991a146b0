import { describe, expect, it } from 'vitest';
import { decodeBytes, encodeBytes } from '../../../src/system/text-bytes.js';

describe('text of bytes in any encoding', () => {
  it.each([
    ['UTF-8', Buffer.from('\ufeffcafé 表 😀 \0')],
    ['LATIN1', Buffer.from('caf\xe9\xff', 'latin1')],
    [
      'both',
      Buffer.concat([
        Buffer.from('é'),
        Buffer.from([0xe9, 0x80]),
        Buffer.from('表😀'),
        Buffer.from([0xf0, 0x9f]),
      ]),
    ],
    ['surrogates and long forms in UTF-8', Buffer.from([0xed, 0xb3, 0xa9, 0xc0, 0x80, 0xf8, 0x88])],
    ['every byte', Buffer.from(Array.from({ length: 512 }, (_, index) => index & 255))],
  ])('comes back byte by byte: %s', (_, bytes) => {
    const text = decodeBytes(bytes);
    expect(encodeBytes(text)).toEqual(bytes);
    expect(encodeBytes(JSON.parse(JSON.stringify(text)))).toEqual(bytes);
  });

  it('is the text that UTF-8 is', () => {
    expect(decodeBytes(Buffer.from('caf\u00e9 😀'))).toBe('café 😀');
    expect(decodeBytes(Buffer.from([0x61, 0xe9, 0x62]))).toBe('a\udce9b');
  });
});
