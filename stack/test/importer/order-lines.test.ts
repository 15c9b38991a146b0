import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { IMPORT_MODES } from '../../src/importer/importer.js';
import { startApi, type TestApi } from '../api.js';

describe('order lines that are sent as an inventory file', () => {
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(() => api.close());

  let api: TestApi;
  const upload = (text: string, mode: string) =>
    api.as('manager')('POST', `/imports?mode=${mode}`, text, { 'content-type': 'text/csv' });
  const content = readFileSync(new URL('../data/online-retail-excerpt.csv', import.meta.url), 'utf8');

  test.each(IMPORT_MODES)('in mode %s is refused for its columns', async (mode) => {
    const answer = await upload(content, mode);
    expect(answer.statusCode).toBe(422);
    expect(answer.json().errors).toContainEqual({
      pointer: '/rows/1',
      code: 'unknown_column',
      message: 'There is no column "invoiceno".',
    });
  });

  /** The columns that an import knows, under its names. */
  const renamed = content
    .split('\n')
    .filter((line) => line !== '' && !line.includes('"'))
    .map((line) => line.split(','))
    .map((cells, index) =>
      index === 0 ? 'sku,name,quantity,unit_price' : [cells[1], cells[2], cells[3], cells[5]].join(','),
    )
    .join('\n');

  test.each([
    ['dry-run', 200, 'checked'],
    ['atomic', 422, 'rejected'],
    ['partial', 201, 'applied'],
  ])('with the right columns, in mode %s, has its flaws reported by row', async (mode, status, outcome) => {
    const answer = await upload(renamed, mode);
    expect(answer.statusCode).toBe(status);
    const { id, status: recorded } = answer.json().import ?? answer.json();
    expect(recorded).toBe(outcome);
    const report = (await api.as('viewer')('GET', `/imports/${id}/errors.csv`)).body;
    expect(report).toMatch(/^\d+,quantity,invalid,must be a number such as 12 or 1\.5,-12,error$/m);
    expect(report).toMatch(/^\d+,name,missing,is missing,,error$/m);
    expect(report).toMatch(/^\d+,sku,duplicate,is in row \d+ already,/m);
    const items = (await api.as('viewer')('GET', '/items')).json().data;
    expect(items.length > 0).toBe(mode === 'partial');
  });
});
