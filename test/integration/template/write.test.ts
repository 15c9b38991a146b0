import { execFileSync } from 'node:child_process';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../../src/system/secret.js';
import { type FileWrite, writeFiles } from '../../../src/template/write.js';
import { snapshot, temporaryFolder } from '../../support/folder.js';

const NOBODY = 65_534;

let root: string;
let writes: FileWrite[];
beforeEach(async () => {
  root = await temporaryFolder();
  await mkdir(join(root, 'stack'));
  await writeFile(join(root, 'stack/.env'), 'A=1\n', { mode: 0o600 });
  await writeFile(join(root, 'compose.yaml'), 'mine\n');
  writes = [
    { path: join(root, 'new/deep/a.txt'), content: Buffer.from('a'), mode: 0o644, existing: 'none' },
    { path: join(root, 'secrets/pw.txt'), content: new Secret('hush'), mode: 0o444, existing: 'none' },
    { path: join(root, 'stack/.env'), content: new Secret('A=1\nB=2\n'), mode: 0o600, existing: 'discard' },
    { path: join(root, 'compose.yaml'), content: Buffer.from('theirs\n'), mode: 0o644, existing: 'copy' },
    { path: join(root, 'last.txt'), content: Buffer.from('z'), mode: 0o644, existing: 'none' },
  ];
});

function write(signal = new AbortController().signal): Promise<void> {
  return writeFiles(writes, {
    root,
    copiesFolder: join(root, '.invctl/replaced/now'),
    asideFolder: join(root, '.invctl/aside'),
    folderModes: new Map([[join(root, 'secrets'), 0o700]]),
    signal,
  });
}

/** A signal that is aborted from the n-th time on that somebody looks at it. */
function abortedAtLook(n: number): AbortSignal {
  const controller = new AbortController();
  const { signal } = controller;
  let looks = 0;
  const throwIfAborted = signal.throwIfAborted.bind(signal);
  signal.throwIfAborted = () => {
    looks += 1;
    if (looks === n) controller.abort();
    throwIfAborted();
  };
  return signal;
}

describe('writeFiles', () => {
  it('writes every file with its mode, whatever the umask, and keeps only the copies asked for', async () => {
    const umask = process.umask(0o077);
    try {
      await write();
    } finally {
      process.umask(umask);
    }
    const found = Object.entries(await snapshot(root)).map(([path, what]) => `${what.split(' ')[0]} ${path}`);
    expect(found.filter((line) => !line.startsWith('700') || line.endsWith('secrets'))).toEqual([
      '644 .invctl/replaced/now/compose.yaml',
      '644 compose.yaml',
      '644 last.txt',
      '644 new/deep/a.txt',
      '700 secrets',
      '444 secrets/pw.txt',
      '755 stack',
      '600 stack/.env',
    ]);
    expect(await readFile(join(root, 'stack/.env'), 'utf8')).toBe('A=1\nB=2\n');
    expect(await readFile(join(root, '.invctl/replaced/now/compose.yaml'), 'utf8')).toBe('mine\n');
  });

  // Once before each of the five files is written beside its place, once before each is put there, once at the end.
  it.each(Array.from({ length: 11 }, (_, index) => index + 1))(
    'puts everything back when it is interrupted at step %i',
    async (step) => {
      const before = await snapshot(root);
      await expect(write(abortedAtLook(step))).rejects.toMatchObject({ name: 'AbortError' });
      expect(await snapshot(root)).toEqual(before);
    },
  );

  it('looks at the signal no more often than these steps', async () => {
    await write(abortedAtLook(12));
    expect((await stat(join(root, 'last.txt'))).size).toBe(1);
  });

  it('removes what a killed one left beside its files, and nothing of anybody else', async () => {
    const left = ['.compose.yaml.0123456789ab.partial', 'stack/.a.txt.ba9876543210.partial'];
    for (const path of [...left, '.mine.partial']) await writeFile(join(root, path), 'half');
    await write();
    const found = Object.keys(await snapshot(root)).filter((path) => path.endsWith('.partial'));
    expect(found).toEqual(['.mine.partial']);
  });

  it('puts everything back when a file stands where a folder must be', async () => {
    writes.push({
      path: join(root, 'compose.yaml/x'),
      content: Buffer.from(''),
      mode: 0o644,
      existing: 'none',
    });
    const before = await snapshot(root);
    await expect(write()).rejects.toMatchObject({ code: 'NOT_A_FOLDER', file: join(root, 'compose.yaml') });
    expect(await snapshot(root)).toEqual(before);
  });

  it('puts everything back when a folder may not be written', async () => {
    await mkdir(join(root, 'shut'), { mode: 0o555 });
    writes.push({ path: join(root, 'shut/x'), content: Buffer.from(''), mode: 0o644, existing: 'none' });
    const before = await snapshot(root);
    const asRoot = process.geteuid?.() === 0;
    // Root may write anywhere: become a user who may not.
    if (asRoot) {
      execFileSync('chown', ['-R', String(NOBODY), root]);
      process.seteuid?.(NOBODY);
    }
    try {
      await expect(write()).rejects.toMatchObject({ code: 'READ_ONLY', file: join(root, 'shut/x') });
    } finally {
      if (asRoot) process.seteuid?.(0);
    }
    expect(await snapshot(root)).toEqual(before);
  });
});
