import { expect, it } from 'vitest';
import { restoreFailed } from '../../../src/postgres/restore-failed.js';

it.each([
  ['psql:<stdin>:38: ERROR:  role "shop owner" does not exist', `'CREATE ROLE "shop owner"'`],
  ['pg_restore: error: could not execute query: ERROR:  extension "postgis" is not available', 'postgis'],
  [
    'ERROR:  could not open extension control file "/usr/share/postgresql/14/extension/vector.control": No such file',
    'vector',
  ],
  ['ERROR:  invalid byte sequence for encoding "UTF8": 0xe9 0x0a', 'SET client_encoding'],
  [
    'ERROR:  character with byte sequence 0xe2 0x82 in encoding "UTF8" has no equivalent in encoding "LATIN1"',
    'encoding',
  ],
  [
    'ERROR:  function norm(text) does not exist\nCONTEXT:  PL/pgSQL function public.named(text) line 1 at RETURN',
    'ALTER FUNCTION public.named(text) SET search_path',
  ],
])('a load that ends with %s says what to do', (stderr, hint) => {
  const error = restoreFailed('the dump does not restore', { status: 3, stderr, stdout: '' });
  expect(error.hint).toContain(hint);
  expect(error.code).toBe('RESTORE_FAILED');
});

it('a load that ends otherwise has no hint', () => {
  const result = { status: 3, stderr: 'ERROR:  syntax error', stdout: '' };
  expect(restoreFailed('the dump does not restore', result).hint).toBeUndefined();
});
