import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  decimalsOf,
  quantityOf,
  quantitySql,
  stepsOf,
  stepsOfTenThousandthsSql,
  tenThousandthsOf,
  tenThousandthsSql,
} from '../src/ledger/quantities.js';
import { createDatabase, type TestDatabase } from './api.js';

const decimals = fc.integer({ min: 0, max: 4 });
/** As much as a level holds. */
const steps = fc.integer({ min: 0, max: 1_000_000_000_000 });

test.each([
  [0, 0],
  [-0, 0],
  [1, 0],
  [1.5, 1],
  [-1.5, 1],
  [1e3, 0],
  [1e-4, 4],
  [0.3, 1],
  [1.005, 3],
  [8.7295, 4],
  [999_999_999.9999, 4],
  [99_999_999_999.9999, 4],
  [1e9, 0],
  [1e21, 0],
  [0.1 + 0.2, undefined],
  [1.1 + 2.2, undefined],
  [1e-5, undefined],
  [0.00015, undefined],
  [1.00001, undefined],
  [Number.MIN_VALUE, undefined],
  [Number.NaN, undefined],
])('%d is written with %s decimals', (quantity, expected) => {
  expect(decimalsOf(quantity)).toBe(expected);
});

test('whatever a level may hold comes out as the decimal that went in', () => {
  fc.assert(
    fc.property(steps, decimals, (count, places) => {
      const digits = String(count).padStart(places + 1, '0');
      const text = places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`;
      const quantity = quantityOf(count, places);
      expect(quantity).toBe(Number(text));
      expect(decimalsOf(quantity)).toBeLessThanOrEqual(places);
      expect(stepsOf(tenThousandthsOf(quantity), places)).toBe(count);
    }),
    { numRuns: 2000 },
  );
});

test('a double next to a decimal is another number', () => {
  const next = new Float64Array(1);
  const bits = new BigInt64Array(next.buffer);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 999_999_999_999 }), fc.constantFrom(1n, -1n), (count, way) => {
      next[0] = quantityOf(count, 4);
      bits[0] = (bits[0] as bigint) + way;
      expect(decimalsOf(next[0])).toBeUndefined();
    }),
    { numRuns: 2000 },
  );
});

describe('in the database', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase({ migrated: false });
  });
  afterAll(() => database.drop());

  test('steps are the same quantities as here, in JSON and back', async () => {
    const cases = fc.sample(fc.tuple(steps, decimals), 3000);
    cases.push([1_000_000_000_000, 0], [1_000_000_000_000, 4], [1, 4], [0, 4]);
    const { rows } = await database.client.query<{
      json: string;
      back: string;
      count: string;
      places: number;
    }>(
      `SELECT count, places, to_json(${quantitySql('count', 'places')})::text AS json,
         ${stepsOfTenThousandthsSql(tenThousandthsSql('count', 'places'), 'places')} AS back
       FROM unnest($1::bigint[], $2::smallint[]) AS line (count, places)`,
      [cases.map(([count]) => count), cases.map(([, places]) => places)],
    );
    for (const { json, back, count, places } of rows) {
      expect(back).toBe(count);
      expect(json).toMatch(/^\d+(\.\d{1,4})?$/);
      expect(json).toBe(String(quantityOf(Number(count), places)));
    }
  });
});
