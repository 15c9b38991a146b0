import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CsvRecords, MalformedCsvError } from '../../src/importer/records.js';

/** Reads a text that comes in pieces, cut at the given places. */
function read(text: string, cuts: readonly number[] = []): string[][] {
  const csv = new CsvRecords();
  const records: string[][] = [];
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    const at = Math.min(cut, text.length);
    records.push(...csv.push(text.slice(from, at)));
    from = at;
  }
  return [...records, ...csv.push(text.slice(from)), ...csv.end()];
}

/** What csv-parse makes of it; undefined where it refuses. */
function oracle(text: string): string[][] | undefined {
  try {
    return parse(text, { relax_column_count: true, skip_empty_lines: false });
  } catch {
    return undefined;
  }
}

function attempt(text: string, cuts: readonly number[]): string[][] | undefined {
  try {
    return read(text, cuts);
  } catch (error) {
    if (error instanceof MalformedCsvError) return undefined;
    throw error;
  }
}

const cuts = fc.array(fc.nat(60), { maxLength: 4 });

describe('records', () => {
  test('are those that were written, wherever the pieces are cut', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', 'é', '"', ',', '\n', '\r', ' '), maxLength: 6 });
    const records = fc.array(fc.array(cell, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(
        records,
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.boolean(),
        cuts,
        (wanted, eol, closed, at) => {
          const text = wanted
            .map((record) => record.map((one) => `"${one.replaceAll('"', '""')}"`).join(','))
            .join(eol);
          expect(read(closed ? text + eol : text, at)).toEqual(wanted);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('are what csv-parse reads, and nothing where it refuses', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', ' '), maxLength: 24 });
    fc.assert(
      fc.property(text, cuts, (one, at) => {
        expect(attempt(one, at)).toEqual(oracle(one));
      }),
      { numRuns: 20_000 },
    );
  });

  test.each([
    [
      'a,b\r\nc,d\r\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['a\rb\r', [['a'], ['b']]],
    ['a\n\n\nb', [['a'], [''], [''], ['b']]],
    ['"a\r\nb",c', [['a\r\nb', 'c']]],
    ['', []],
  ])('of %j', (text, records) => {
    expect(read(text)).toEqual(records);
  });

  test.each([
    ['a,b\nc,d"e\n', 2, 'a quote in a cell without quotes'],
    ['a\n"b\nc"\n"d"e\n', 4, 'text after the quote that closes a cell'],
    ['a\n\n"b\nc', 3, 'a quote that is never closed'],
    [`a\n"${'x'.repeat(70_000)}`, 2, 'a record of more than 65536 characters'],
    [`a\nb,"${'x'.repeat(70_000)}"\n`, 2, 'a record of more than 65536 characters'],
    [`a\n${'x,'.repeat(40_000)}\n`, 2, 'a record of more than 65536 characters'],
  ])('of %j are refused with their line', (text, line, message) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ line, message }));
  });
});
