import { chmod, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../../src/system/secret.js';
import { type ComparedFile, compareFile } from '../../../src/template/compare.js';
import { sha256 } from '../../../src/template/lock.js';
import type { ScaffoldFile } from '../../../src/template/scaffold.js';
import { temporaryFolder } from '../../support/folder.js';

const owned: ScaffoldFile = { path: 'a/b.txt', mode: 0o644, policy: 'owned', content: Buffer.from('new\n') };
const secret: ScaffoldFile = { path: 'secrets/pw.txt', mode: 0o444, policy: 'secret' };
const env: ScaffoldFile = {
  path: 'a/.env',
  mode: 0o600,
  policy: 'env',
  content: 'A=1\nKEY=placeholder\n',
  generate: ['KEY'],
};

let root: string;
beforeEach(async () => {
  root = await temporaryFolder();
});

async function put(path: string, content: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
  await chmod(join(root, path), mode);
}

function written({ write }: ComparedFile): string {
  if (!write) throw new Error('nothing would be written');
  return write.content instanceof Secret ? write.content.reveal() : Buffer.from(write.content).toString();
}

describe('a file that the template owns', () => {
  it('is created where it is missing, also in a folder that is missing', async () => {
    const missing = join(root, 'not', 'yet');
    expect(await compareFile(missing, owned, undefined, false)).toEqual({
      path: 'a/b.txt',
      status: 'created',
      write: { path: join(missing, 'a/b.txt'), content: owned.content, mode: 0o644, existing: 'none' },
    });
  });

  it('is unchanged where it is the same', async () => {
    await put('a/b.txt', 'new\n');
    expect(await compareFile(root, owned, undefined, true)).toEqual({ path: 'a/b.txt', status: 'unchanged' });
  });

  it('differs, and is not written', async () => {
    await put('a/b.txt', 'mine\n');
    expect(await compareFile(root, owned, undefined, false)).toEqual({
      path: 'a/b.txt',
      status: 'differs',
      edited: true,
      texts: { here: 'mine\n', template: 'new\n' },
    });
  });

  it('is told from one that only the template changed', async () => {
    await put('a/b.txt', 'old\n');
    const lock = {
      lockVersion: 1,
      template: { name: 't', version: '1' },
      options: { name: 'x', port: 1, postgres: 16, node: 24, dbName: 'a', dbUser: 'b' },
      files: { 'a/b.txt': sha256(Buffer.from('old\n')) },
    } as const;
    expect(await compareFile(root, owned, lock, false)).toMatchObject({ status: 'differs', edited: false });
    await put('a/b.txt', 'older\n');
    expect(await compareFile(root, owned, lock, false)).toMatchObject({ status: 'differs', edited: true });
  });

  it('is replaced when that is asked for', async () => {
    await put('a/b.txt', 'mine\n');
    const compared = await compareFile(root, owned, undefined, true);
    expect(compared).toMatchObject({ status: 'replaced', write: { existing: 'copy' } });
    expect(written(compared)).toBe('new\n');
  });
});

describe('a secret', () => {
  it('has 32 random bytes in URL-safe characters and no newline', async () => {
    const [one, two] = [
      await compareFile(root, secret, undefined, false),
      await compareFile(root, secret, undefined, false),
    ];
    expect(written(one)).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(written(one)).not.toBe(written(two));
    expect(one.write).toMatchObject({ mode: 0o444, existing: 'none' });
    expect(JSON.stringify(one)).not.toContain(written(one));
  });

  it('is kept when it is there, even when everything else is replaced', async () => {
    await put('secrets/pw.txt', 'mine', 0o600);
    expect(await compareFile(root, secret, undefined, true)).toEqual({
      path: 'secrets/pw.txt',
      status: 'kept',
    });
  });

  it('is kept and named when it is empty', async () => {
    await put('secrets/pw.txt', '');
    expect(await compareFile(root, secret, undefined, true)).toMatchObject({
      status: 'kept',
      problem: expect.stringContaining('empty'),
    });
  });
});

describe('an env file', () => {
  it('is the example with a key of its own', async () => {
    const compared = await compareFile(root, env, undefined, false);
    expect(written(compared)).toMatch(/^A=1\nKEY=[A-Za-z0-9_-]{64}\n$/);
    expect(compared).toMatchObject({ status: 'created', write: { mode: 0o600 } });
    expect(JSON.stringify(compared)).not.toContain(/KEY=(.*)/.exec(written(compared))?.[1]);
  });

  it('gets the missing keys and keeps its mode', async () => {
    await put('a/.env', 'KEY=mine\n', 0o640);
    const compared = await compareFile(root, env, undefined, true);
    expect(written(compared)).toBe('KEY=mine\n\nA=1\n');
    expect(compared).toMatchObject({
      status: 'updated',
      added: ['A'],
      write: { mode: 0o640, existing: 'discard' },
    });
  });

  it('has a name however it sets it, and none for a line of a quoted value', async () => {
    await put('a/.env', 'export KEY: "x\nA=2\n"\n');
    expect((await compareFile(root, env, undefined, false)).added).toEqual(['A']);
    await put('a/.env', 'A\nKEY=${NOT_SET:?}\n');
    expect((await compareFile(root, env, undefined, false)).status).toBe('unchanged');
  });

  it('is left alone where Compose could not read it, naming the line', async () => {
    await put('a/.env', 'B=1\nC="open\n');
    expect(await compareFile(root, env, undefined, false)).toEqual({
      path: 'a/.env',
      status: 'unchanged',
      problem: expect.stringContaining('line 2'),
    });
  });

  it('is unchanged when it has them all', async () => {
    await put('a/.env', 'KEY=placeholder\nA=2\n');
    expect(await compareFile(root, env, undefined, true)).toEqual({ path: 'a/.env', status: 'unchanged' });
  });
});

describe('what is in the way', () => {
  it.each([owned, secret, env])('a folder in place of the $policy file', async (file) => {
    await mkdir(join(root, file.path), { recursive: true });
    await expect(compareFile(root, file, undefined, false)).rejects.toMatchObject({
      code: 'NOT_A_FILE',
      exitCode: 1,
      file: join(root, file.path),
    });
  });

  it.each([owned, secret, env])('a file in place of the folder of the $policy file', async (file) => {
    await put(dirname(file.path), 'a file\n');
    await expect(compareFile(root, file, undefined, false)).rejects.toMatchObject({ code: 'NOT_A_FOLDER' });
  });

  it('a link to a folder outside, for a file that would be created', async () => {
    const outside = await temporaryFolder();
    await symlink(outside, join(root, 'a'));
    await expect(compareFile(root, owned, undefined, false)).rejects.toMatchObject({
      code: 'SYMLINK_OUTSIDE',
      message: expect.stringContaining(outside),
    });
  });

  it('a link to a file outside, for a file that would be replaced or get keys', async () => {
    const outside = await temporaryFolder();
    await writeFile(join(outside, 'x'), 'mine\n');
    await mkdir(join(root, 'a'));
    await symlink(join(outside, 'x'), join(root, 'a/b.txt'));
    await symlink(join(outside, 'x'), join(root, 'a/.env'));
    await expect(compareFile(root, owned, undefined, true)).rejects.toMatchObject({
      code: 'SYMLINK_OUTSIDE',
    });
    await expect(compareFile(root, env, undefined, true)).rejects.toMatchObject({ code: 'SYMLINK_OUTSIDE' });
    expect(await compareFile(root, owned, undefined, false)).toMatchObject({ status: 'differs' });
  });

  it.each(['nowhere', 'b.txt'])('a link to %s, which leads to nothing', async (target) => {
    await mkdir(join(root, 'a'));
    await symlink(target, join(root, 'a/b.txt'));
    await expect(compareFile(root, owned, undefined, false)).rejects.toMatchObject({
      code: 'SYMLINK_OUTSIDE',
    });
  });

  it('no link that stays inside: the file behind it is written', async () => {
    await mkdir(join(root, 'real'));
    await symlink('real', join(root, 'a'));
    expect(await compareFile(root, owned, undefined, false)).toMatchObject({
      write: { path: join(root, 'real/b.txt') },
    });
  });

  it('no link to a secret that is kept elsewhere', async () => {
    const vault = await temporaryFolder();
    await writeFile(join(vault, 'pw.txt'), 'mine');
    await symlink(vault, join(root, 'secrets'));
    expect(await compareFile(root, secret, undefined, true)).toEqual({
      path: 'secrets/pw.txt',
      status: 'kept',
    });
    expect(await readFile(join(vault, 'pw.txt'), 'utf8')).toBe('mine');
    expect((await stat(vault)).isDirectory()).toBe(true);
  });
});
