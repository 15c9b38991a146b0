import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectionConfig } from '../../src/database/connection.js';
import { type Column, RecordReader, recordsOf } from '../../src/database/records.js';
import { loadSettings } from '../../src/settings/load.js';
import { createDatabase, type TestDatabase } from '../api.js';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createDatabase({ migrated: false });
  const { settings } = loadSettings({ env: database.env, envFilePath: '/nonexistent/.env' });
  client = new pg.Client(connectionConfig(settings));
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

async function describe(query: string): Promise<Column[]> {
  const { fields } = await client.query(query);
  return fields.map(({ name, dataTypeID }) => ({ name, type: dataTypeID }));
}

async function read(query: string, limit: number, hidden = 0) {
  const columns = await describe(query);
  const { rows } = await client.query(recordsOf(query, columns));
  return new RecordReader(columns, hidden).read(rows[0].records, limit);
}

const UGLY = [
  `''`,
  `' '`,
  `'a,b'`,
  `'(a)'`,
  `')('`,
  `'"'`,
  `'""'`,
  `'say "no", twice: ""'`,
  `E'\\\\'`,
  `E'\\\\\\\\"\\\\'`,
  `E'ends in \\\\'`,
  `E'two\\nlines\\tand \\x01\\x1f\\x7f'`,
  `'null'`,
  `'ünïcode 漢字 \u{1f6d2} \u2028'`,
  `'</script>'`,
  'NULL',
];

test('texts of every kind are what row_to_json makes of them', async () => {
  const query = `SELECT n, given AS first, given AS "quoted ""name""", n AS last
    FROM (VALUES ${UGLY.map((text, n) => `(${n}, ${text}::text)`).join(', ')}) AS ugly (n, given)`;
  const { rows } = await client.query(`SELECT row_to_json(row) AS json FROM (${query}) AS row`);
  expect(rows).toHaveLength(UGLY.length);
  const { json, last } = await read(query, UGLY.length);
  expect(JSON.parse(json)).toEqual(rows.map((row) => row.json));
  expect(last).toBeUndefined();
});

test.each([
  'true AS yes, false AS no, NULL::boolean AS unknown',
  '1::smallint AS a, -2147483648 AS b, 999999999999::bigint AS c, NULL::bigint AS d',
  `0.1::float8 AS a, 1e-7::float8 AS b, 1e300::float8 AS c, -0.5::real AS d, 'NaN'::float8 AS e, '-Infinity'::float8 AS f`,
  `12.50 AS a, -0.0001 AS b, 'NaN'::numeric AS c, 1e20::numeric AS d`,
  `'{"a": [1, "x,\\"y\\""]}'::json AS a, '{"b": null}'::jsonb AS b, 'null'::json AS c`,
  `'2026-02-03 04:05:06.78+00'::timestamptz AS a, '2026-02-03 04:05+02'::timestamptz AS b,
   'infinity'::timestamptz AS c, '0044-03-15 BC'::timestamptz AS d, '12026-01-01 00:00+00'::timestamptz AS e`,
  `'2026-02-03'::date AS a, 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'::uuid AS b, 'x'::varchar AS c`,
  `ARRAY['a,b', NULL, '"'] AS a, ARRAY[1, 2] AS b, '1 day'::interval AS c, ROW(1, 'x') AS d, NULL::text[] AS e`,
])('values of other types as well: %s', async (columns) => {
  const { rows } = await client.query(`SELECT row_to_json(row) AS json FROM (SELECT ${columns}) AS row`);
  const { json } = await read(`SELECT ${columns}`, 1);
  expect(JSON.parse(json)).toEqual([rows[0].json]);
});

test('a row more than wanted is not read, and says that the last one leads on', async () => {
  const query = `SELECT 'k,' || n, n * 10, n AS shown FROM generate_series(1, 3) AS n`;
  expect(await read(query, 3, 2)).toEqual({ json: '[{"shown":1},{"shown":2},{"shown":3}]', last: undefined });
  expect(await read(query, 2, 2)).toEqual({ json: '[{"shown":1},{"shown":2}]', last: ['k,2', '20'] });
  expect(await read(`${query} LIMIT 0`, 2, 2)).toEqual({ json: '[]', last: undefined });
});
