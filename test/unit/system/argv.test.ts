import { expect, it } from 'vitest';
import { databaseWord } from '../../../src/system/argv.js';

it.each([
  ['shop', 'shop'],
  ['-dash "and" space', '-dash "and" space'],
  ['a=b', "dbname='a=b'"],
  ["it's=\\", "dbname='it\\'s=\\\\'"],
  ['postgresql://shop', "dbname='postgresql://shop'"],
])('the programs of PostgreSQL take %s as %s', (name, word) => {
  expect(databaseWord(name)).toBe(word);
});
