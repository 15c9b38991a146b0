import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { prettyLine } from '../../../src/commands/logs/pretty-line.js';
import { createStyle } from '../../../src/output/style.js';

const options = { nameWidth: 3, columns: 40, style: createStyle(false) };
const rows = (line: string, more: Partial<typeof options> = {}) =>
  prettyLine({ service: 'api', line }, { ...options, ...more }).split('\n');

describe('a log line on a terminal', () => {
  it('is wrapped between words, with the service before every row', () => {
    expect(rows('plain words that go on and on, past the edge of a narrow terminal')).toEqual([
      'api | plain words that go on and on,',
      'api | past the edge of a narrow terminal',
    ]);
  });

  it.each([
    ['a word that is longer than a row', 'x'.repeat(100)],
    ['colours', `\u001b[31m${'red words '.repeat(10)}\u001b[39m`],
    ['wide characters', '在庫が不足しています。'.repeat(5)],
    ['JSON', JSON.stringify({ level: 50, msg: 'no '.repeat(30), url: `/${'y'.repeat(60)}` })],
    ['an indent', `${' '.repeat(60)}far to the right`],
  ])('never passes the edge: %s', (_, line) => {
    for (const style of [createStyle(false), createStyle(true)]) {
      for (const row of rows(line, { style })) {
        const plain = stripVTControlCharacters(row);
        // A wide character takes two columns.
        const width = [...plain].reduce((sum, char) => sum + (char > '\u2e80' ? 2 : 1), 0);
        expect(width, row).toBeLessThanOrEqual(40);
        expect(plain).toMatch(/^api \|/);
      }
    }
  });

  it('shows the fields of JSON in words, objects by dots, text with blanks in quotes', () => {
    const line = JSON.stringify({
      level: 40,
      time: 1_795_000_000_123,
      pid: 7,
      hostname: 'x',
      msg: 'slow',
      req: { method: 'GET', url: '/items?page=3' },
      tags: ['a'],
      note: 'two words',
      none: null,
    });
    expect(rows(line, { columns: 200 })).toEqual([
      `api | ${new Date(1_795_000_000_123).toISOString().slice(11, 23)} WARN  slow req.method=GET req.url="/items?page=3" tags=["a"] note="two words" none=null`,
    ]);
  });

  it('shows a stack line by line, indented', () => {
    const line = JSON.stringify({
      level: 50,
      msg: 'failed',
      err: { type: 'Error', stack: 'Error: no\n    at here (/app/a.js:1:2)' },
    });
    expect(rows(line, { columns: 60 })).toEqual([
      'api | ERROR failed err.type=Error',
      'api |   Error: no',
      'api |       at here (/app/a.js:1:2)',
    ]);
  });

  it('keeps indents, empty lines, and leaves a terminal of no width alone', () => {
    expect(rows('    at here')).toEqual(['api |     at here']);
    expect(rows('')).toEqual(['api |']);
    expect(rows('word '.repeat(20).trim(), { columns: 10 })).toHaveLength(1);
  });
});
