import { chmod, mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  type BuildContext,
  contentDigest,
  lastChangedFile,
  readBuildContext,
  statDigest,
} from '../../../src/project/build-context.js';
import type { ComposeBuild } from '../../../src/project/model.js';
import { temporaryFolder } from '../../support/folder.js';

let folder: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  await write('Dockerfile', 'FROM scratch\nCOPY . /\n');
  await write('src/main.ts', 'one');
  await write('src/deep/er.ts', 'two');
});

async function write(path: string, content: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), content);
}

function read(build: Partial<ComposeBuild> = {}): BuildContext {
  const context = readBuildContext({ context: folder, args: {}, ...build }, [join(folder, 'backups')]);
  if (!context) throw new Error('no context');
  return context;
}

const paths = (build?: Partial<ComposeBuild>) => read(build).entries.map(({ path }) => path);
const digest = (build?: Partial<ComposeBuild>) => contentDigest(read(build));

describe('what enters a build', () => {
  it('is the whole folder where nothing is ignored, empty folders and links with it', async () => {
    await mkdir(join(folder, 'empty'));
    await symlink('../elsewhere', join(folder, 'link'));
    await symlink('.', join(folder, 'loop'));
    expect(paths()).toEqual([
      'Dockerfile',
      'empty',
      'link',
      'loop',
      'src',
      'src/deep',
      'src/deep/er.ts',
      'src/main.ts',
    ]);
  });

  it('is without what .dockerignore names, in the case that it is written in', async () => {
    await write('.dockerignore', '# a comment\nsrc/deep\n*.MD\n**/.env*\n');
    await write('README.md', 'stays');
    await write('src/.env.local', 'SECRET=1');
    expect(paths()).toEqual(['.dockerignore', 'Dockerfile', 'README.md', 'src', 'src/main.ts']);
  });

  it('is without what invctl keeps there, whatever an ignore file takes back', async () => {
    const before = await digest();
    await write('.invctl/project.lock', 'held');
    await write('packages/shop/.invctl/journal/one.json', '{}');
    await write('backups/shop.dump', 'all data');
    await write('backups/protection/wal/1', 'of the last second');
    expect(paths().filter((path) => /invctl|backups/.test(path))).toEqual([]);
    await rm(join(folder, 'packages'), { recursive: true });
    expect(await digest()).toBe(before);
    await write('.dockerignore', '*\n!backups/shop.dump\n!.invctl\n!src/main.ts\n');
    expect(paths()).toEqual(['src', 'src/main.ts']);
    await write('.dockerignore', '');
    await write('src/backups/list.ts', 'a source');
    expect(paths()).toContain('src/backups/list.ts');
  });

  it.each(['!src/deep/er.ts', '!src/*/er.ts', '!**/er.ts', '!src/deep'])(
    'has what a later line takes back below an ignored folder: %s',
    async (exception) => {
      await write('.dockerignore', `*\n${exception}\n`);
      await write('node_modules/x/index.js', 'ignored');
      expect(paths()).toEqual(['src', 'src/deep', 'src/deep/er.ts']);
    },
  );

  it("goes by the Dockerfile's own ignore file before that of the folder, with CRLF and a BOM", async () => {
    await write('.dockerignore', '*\n');
    await write('docker/Api.Dockerfile', 'FROM scratch\n');
    await write('docker/Api.Dockerfile.dockerignore', '\ufeffdocker\r\n.dockerignore\r\n');
    expect(paths({ dockerfile: 'docker/Api.Dockerfile' })).toEqual([
      'Dockerfile',
      'src',
      'src/deep',
      'src/deep/er.ts',
      'src/main.ts',
    ]);
    expect(paths({ dockerfileInline: 'FROM scratch' })).toEqual([]);
  });
});

describe('the digest of a context', () => {
  const changes: [string, () => Promise<unknown>][] = [
    ['a content', () => write('src/main.ts', 'other')],
    ['a content of the same size, written by rename', () => replace('src/main.ts', 'eno')],
    ['a new file', () => write('src/new.ts', '')],
    ['a file that is gone', () => rm(join(folder, 'src/main.ts'))],
    ['another name', () => rename(join(folder, 'src/main.ts'), join(folder, 'src/mein.ts'))],
    ['a mode', () => chmod(join(folder, 'src/main.ts'), 0o755)],
    ['an empty folder', () => mkdir(join(folder, 'src/empty'))],
    ['a link in place of a file', () => link('deep/er.ts', 'src/main.ts')],
    ['the Dockerfile, also where it is ignored', () => write('Dockerfile', 'FROM scratch\n')],
  ];
  it.each(changes)('changes with %s', async (_, change) => {
    await write('.dockerignore', 'Dockerfile\n');
    const before = await digest();
    await change();
    expect(await digest()).not.toBe(before);
  });

  async function replace(path: string, content: string): Promise<void> {
    await write(`${path}.tmp`, content);
    await rename(join(folder, `${path}.tmp`), join(folder, path));
  }

  async function link(target: string, path: string): Promise<void> {
    await rm(join(folder, path));
    await symlink(target, join(folder, path));
  }

  it('changes with an argument and the target of the build', async () => {
    const all = [
      await digest(),
      await digest({ args: { VERSION: '1' } }),
      await digest({ args: { VERSION: '2' } }),
      await digest({ target: 'build' }),
    ];
    expect(new Set(all).size).toBe(4);
  });

  it('stays with times, with what is ignored, and in another folder', async () => {
    await write('.dockerignore', 'node_modules\n');
    const before = await digest();
    await utimes(join(folder, 'src/main.ts'), 1, 1);
    await write('node_modules/x.js', 'x');
    expect(await digest()).toBe(before);
    const moved = `${folder}-moved`;
    await rename(folder, moved);
    try {
      expect(await digest({ context: moved })).toBe(before);
    } finally {
      await rename(moved, folder);
    }
  });

  it('is there for a file that cannot be read, and for a folder that is not', async () => {
    await chmod(join(folder, 'src/main.ts'), 0o000);
    expect(await digest()).toMatch(/^[0-9a-f]{64}$/);
    expect(readBuildContext({ context: join(folder, 'absent'), args: {} }, [])).toBeUndefined();
  });
});

describe('the digest by times', () => {
  it('is none while a file is so young that its next change could look the same', async () => {
    const { entries, ...context } = read();
    expect(statDigest({ entries, ...context })).toBeUndefined();
    const old = entries.map((entry) => ({ ...entry, changedNs: 5n }));
    const known = statDigest({ ...context, entries: old });
    expect(known).toMatch(/^[0-9a-f]{64}$/);
    const other = old.map((entry) => (entry.kind === 'file' ? { ...entry, inode: 1n } : entry));
    expect(statDigest({ ...context, entries: other })).not.toBe(known);
    const folderTouched = old.map((entry) => (entry.kind === 'folder' ? { ...entry, changedNs: 6n } : entry));
    expect(statDigest({ ...context, entries: folderTouched })).toBe(known);
  });

  it('names the file that changed last, a folder only where no file did', () => {
    const { dockerfile: _, ...context } = read();
    const at = (times: Record<string, number>) => ({
      ...context,
      entries: context.entries.map((entry) => ({
        ...entry,
        changedNs: BigInt(times[entry.path] ?? 0) * 1_000_000n,
      })),
    });
    expect(lastChangedFile(at({ src: 9, 'src/main.ts': 7, Dockerfile: 8 }), 5)).toBe('Dockerfile');
    expect(lastChangedFile(at({ src: 9, 'src/main.ts': 4 }), 5)).toBe('src');
    expect(lastChangedFile(at({ src: 5 }), 5)).toBeUndefined();
  });

  it('names a Dockerfile that the ignore file excludes, or that is elsewhere', async () => {
    await write('.dockerignore', '*\n!src\n');
    const since = Date.now() + 1000;
    const later = new Date(since + 1000);
    await utimes(join(folder, 'Dockerfile'), later, later);
    expect(paths()).not.toContain('Dockerfile');
    expect(lastChangedFile(read(), since)).toBe('Dockerfile');
    expect(lastChangedFile(read({ dockerfile: '../none' }), since)).toBeUndefined();
    expect(lastChangedFile(read({ context: join(folder, 'src'), dockerfile: '../Dockerfile' }), since)).toBe(
      '../Dockerfile',
    );
    expect(lastChangedFile(read({ dockerfileInline: 'FROM scratch' }), since)).toBeUndefined();
  });
});
