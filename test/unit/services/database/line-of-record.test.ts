import { expect, it } from 'vitest';
import { lineOfRecord } from '../../../../src/services/database/import-through-api.js';

it('finds the line of a record behind cells with line ends and quotes in them', () => {
  const text = 'sku,name\r\nA,"two\r\nlines"\r\nB,"a ""quoted"" one"\r\nC,c\r\n';
  expect([1, 2, 3, 4].map((record) => lineOfRecord(text, record))).toEqual([1, 2, 4, 5]);
});
