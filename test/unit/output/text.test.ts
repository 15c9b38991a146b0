import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createStyle, wantsColor } from '../../../src/output/style.js';
import { table, visibleLength } from '../../../src/output/table.js';
import { count, formatBytes, formatDuration } from '../../../src/output/units.js';

describe('durations', () => {
  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [999.6, '1.0 s'],
    [1240, '1.2 s'],
    [9949, '9.9 s'],
    [9960, '10 s'],
    [59_400, '59 s'],
    [59_600, '1 min'],
    [185_000, '3 min 5 s'],
    [7_800_000, '2 h 10 min'],
    [47 * 3_600_000, '47 h'],
    [5 * 86_400_000, '5 days'],
  ])('%d ms is %s', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });
});

describe('sizes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1 kB'],
    [7_900_000, '7.9 MB'],
    [231_000_000, '231 MB'],
    [999_600_000, '1 GB'],
    [1_190_000_000, '1.19 GB'],
  ])('%d bytes are %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

it('counts one thing and many', () => {
  expect([count(1, 'service'), count(2733, 'item'), count(0, 'copy', 'copies')]).toEqual([
    '1 service',
    '2,733 items',
    '0 copies',
  ]);
});

describe('tables', () => {
  it('line up whatever the colours, and end in no blanks', () => {
    const style = createStyle(true);
    const lines = table(
      ['A', 'B', 'C'],
      [
        [style.red('long cell'), 'x', ''],
        ['s', 'größer', 'end'],
      ],
    ).split('\n');
    expect(lines.map((line) => stripVTControlCharacters(line))).toEqual([
      'A          B       C',
      'long cell  x',
      's          größer  end',
    ]);
    expect(lines[1]).toContain(style.red('long cell'));
    expect(visibleLength(lines[1] as string)).toBe(12);
    expect(lines.every((line) => line === line.trimEnd())).toBe(true);
  });
});

describe('colour', () => {
  const terminal = { isTTY: true };
  const pipe = { isTTY: false };
  it.each([
    ['a terminal', terminal, {}, false, true],
    ['a pipe', pipe, {}, false, false],
    ['a dumb terminal', terminal, { TERM: 'dumb' }, false, false],
    ['NO_COLOR', terminal, { NO_COLOR: '1' }, false, false],
    ['an empty NO_COLOR', terminal, { NO_COLOR: '' }, false, true],
    ['FORCE_COLOR on a pipe', pipe, { FORCE_COLOR: '1' }, false, true],
    ['FORCE_COLOR=0', terminal, { FORCE_COLOR: '0' }, false, false],
    ['NO_COLOR above FORCE_COLOR', terminal, { NO_COLOR: '1', FORCE_COLOR: '1' }, false, false],
    ['--no-color', terminal, { FORCE_COLOR: '1' }, true, false],
  ])('%s', (_, stream, env, flag, expected) => {
    expect(wantsColor(stream, env, flag)).toBe(expected);
  });
});
