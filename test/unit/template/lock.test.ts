import { describe, expect, it } from 'vitest';
import type { UserError } from '../../../src/errors.js';
import { createLock, formatLock, parseLock, sha256 } from '../../../src/template/lock.js';
import type { Template } from '../../../src/template/manifest.js';

const template: Template = {
  manifest: { name: 'compose-stack', folders: [], files: [], trees: [], renames: [] },
  version: '1.2.3',
  folder: '/t',
  packageFolder: '/p',
};
const options = { name: 'shop', port: 5003, postgres: 16, node: 24, dbName: 'a', dbUser: 'b' } as const;
const lock = createLock(template, options, [
  { path: 'compose.yaml', mode: 0o644, policy: 'owned', content: Buffer.from('name: shop\n') },
  { path: 'secrets/x', mode: 0o444, policy: 'secret' },
  { path: '.gitignore', mode: 0o644, policy: 'append', content: '.env\n' },
]);

describe('the lock', () => {
  it('says what it takes to render the same files again', () => {
    expect(lock).toEqual({
      lockVersion: 1,
      template: { name: 'compose-stack', version: '1.2.3' },
      options,
      files: { 'compose.yaml': sha256(Buffer.from('name: shop\n')) },
    });
  });

  it('reads what it writes', () => {
    expect(parseLock(formatLock(lock), 'lock.json')).toEqual(lock);
  });

  it.each([
    ['text that is no JSON', '{"lockVersion": 1,'],
    ['another version', formatLock({ ...lock, lockVersion: 2 as 1 })],
    ['a port that is none', formatLock({ ...lock, options: { ...options, port: 0 } })],
    ['a name that is none', formatLock({ ...lock, options: { ...options, name: '../x' } })],
    ['a hash that is none', formatLock({ ...lock, files: { 'compose.yaml': 'abc' } })],
  ])('refuses %s, naming the file', (_, text) => {
    let error: unknown;
    try {
      parseLock(text, '/shop/.invctl/lock.json');
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: 'LOCK_INVALID', exitCode: 4, file: '/shop/.invctl/lock.json' });
    expect((error as UserError).hint).toContain('git checkout');
  });
});
