import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hashFile } from '../../../src/backup/archive-file.js';
import type { StoredBackup } from '../../../src/backup/backup-folder.js';
import { BucketStore } from '../../../src/backup/bucket-store.js';
import { copyBackup } from '../../../src/backup/copies.js';
import type { CopyStore } from '../../../src/backup/copy-store.js';
import { FolderStore } from '../../../src/backup/folder-store.js';
import type { Manifest } from '../../../src/backup/manifest.js';
import { planRecovery } from '../../../src/backup/protection/catalogue.js';
import {
  type CopiedServer,
  copiedServers,
  fetchPlan,
  readCopied,
} from '../../../src/backup/protection/copied.js';
import { putAside, takeUp } from '../../../src/backup/protection/earlier.js';
import { pruneServers } from '../../../src/backup/protection/prune-copied.js';
import { type CliResult, invctl, othersReachTheCli } from '../../support/cli.js';
import { follow } from '../../support/protection/follower.js';
import { contentOf, type WrittenPlace, writePlace } from '../../support/protection/place.js';
import { mountSmallDisk, unmount } from '../../support/small-disk.js';
import { type SwiftServer, startSwift, withoutSwift } from '../../support/swift.js';

const signal = new AbortController().signal;

/** A project that no engine knows, with a folder of backups: nothing here needs a database. */
class Project {
  readonly directory = mkdtempSync(join(tmpdir(), 'invctl copies '));
  readonly folder = join(this.directory, 'backups');
  env: Record<string, string> = {};

  readonly name: string;

  constructor(name: string) {
    this.name = name;
    mkdirSync(this.folder);
    writeFileSync(
      join(this.directory, 'compose.yaml'),
      `name: ${name}\nservices: {db: {image: "postgres:16"}}\n`,
    );
  }

  settings(backup: Record<string, unknown>): void {
    writeFileSync(join(this.directory, 'invctl.yaml'), JSON.stringify({ backup }));
  }

  invctl(...args: string[]): Promise<CliResult> {
    return invctl([...args, '--json'], { cwd: this.directory, env: this.env });
  }

  async data(...args: string[]) {
    const result = await this.invctl(...args);
    expect(result).toMatchObject({ code: 0 });
    return JSON.parse(result.stdout).data;
  }

  async error(code: number, ...args: string[]) {
    const result = await this.invctl(...args);
    expect(result.code, result.stdout + result.stderr).toBe(code);
    expect(result.stdout + result.stderr).not.toContain('seeded-marker');
    return JSON.parse(result.stdout).error;
  }

  /** @param day of November 2026 */
  backup(
    day: number,
    {
      bytes = 1000,
      project = this.name,
      level = 1,
      place,
    }: { bytes?: number; project?: string; level?: number; place?: string } = {},
  ): string {
    const id = `202611${String(day).padStart(2, '0')}T020000Z`;
    const file = join(this.folder, `${project}-${id}.dump`);
    const content = randomBytes(bytes);
    const manifest: Manifest = {
      manifestVersion: 1,
      id,
      project,
      ...(place ? { place } : {}),
      file: basename(file),
      format: 'custom',
      compression: 'zstd',
      bytes,
      sha256: createHash('sha256').update(content).digest('hex'),
      takenAt: `2026-11-${String(day).padStart(2, '0')}T02:00:00.000Z`,
      seconds: 1,
      engine: 'docker',
      image: null,
      server: { version: '16.1', major: 16 },
      archive: { program: '16.1', major: 16 },
      invctl: '0.1.0',
      verification: { level, at: '2026-11-23T02:00:01.000Z' },
      database: {
        name: 'shop',
        owner: 'owner',
        bytes: 1,
        encoding: 'UTF8',
        localeProvider: 'libc',
        collate: 'C',
        ctype: 'C',
        locale: null,
        collationVersion: null,
        acl: null,
        settings: [],
      },
      tables: [{ name: 'public.items', rows: 3 }],
      sequences: [],
      objects: { indexes: 0, constraints: 0, triggers: 0, functions: 0, views: 0, notValidated: [] },
      extensions: [],
      roles: [],
      migrations: null,
    };
    writeFileSync(file, content);
    writeFileSync(`${file}.manifest.json`, JSON.stringify(manifest));
    return file;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

interface Place {
  copyTo: unknown;
  store: CopyStore;
  env: Record<string, string>;
  clear(): void;
}

function folderPlace(project: Project): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'invctl away '));
  const location = { directory: project.directory } as never;
  return FolderStore.open({ warn() {} }, folder, {
    location,
    settings: { backup: { folder: 'backups' } } as never,
  }).then((store) => ({
    copyTo: folder,
    store,
    env: {},
    clear: () => rmSync(folder, { recursive: true, force: true }),
  }));
}

let swift: SwiftServer | undefined;
let buckets = 0;

async function bucketPlace(): Promise<Place> {
  const { endpoint, env } = swift as SwiftServer;
  Object.assign(process.env, env);
  buckets += 1;
  const bucket = `backups-${buckets}`;
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  const copyTo = { bucket, prefix: '/daily/shop/', endpoint };
  return { copyTo, store: await BucketStore.open(copyTo), env, clear() {} };
}

beforeAll(async () => {
  if (!withoutSwift) swift = await startSwift();
  // Five Python programs, on a machine that is busy with other tests.
}, 240_000);

afterAll(() => swift?.stop());

describe.each([
  { kind: 'a folder', place: folderPlace, absent: false },
  { kind: 'a bucket', place: bucketPlace, absent: withoutSwift },
])('copies in $kind', ({ place, absent }) => {
  describe.skipIf(absent)('of a project', () => {
    let project: Project;
    let away: Place;

    beforeEach(async () => {
      project = new Project('shop');
      away = await place(project);
      project.env = away.env;
      project.settings({ copyTo: away.copyTo });
    });

    afterEach(() => {
      project.remove();
      away.clear();
    });

    describe('with a protection', () => {
      const [old, next] = ['7123456789012345678', '7123456789012345679'];
      const since = new Date(Math.floor(Date.now() / 1000) * 1000 - 3_600_000);
      const received = (numbers: number[], more: Partial<WrittenPlace>): WrittenPlace => ({
        bases: [{ timeline: 1, segment: numbers[0] as number, endedAt: since }],
        runs: { '00000001-0001': numbers },
        live: [{ at: since, run: '00000001-0001' }],
        keepSeconds: 86_400,
        covered: new Date(since.getTime() + 3_000_000),
        ...more,
      });
      const gaps: string[] = [];
      const here = () => join(project.folder, 'protection');
      const elsewhere = () => join(project.directory, 'elsewhere');

      /** Fetches what leads to the latest moment of a server, as a machine that has nothing else. */
      async function fetched(store: CopyStore): Promise<string[]> {
        const copied = await readCopied(store);
        const plan = copied && planRecovery(copied.catalogue);
        if (!copied || !plan) throw new Error(`${store.address} leads to nothing`);
        const record = { ...copied.record, file: 'compose.yaml' };
        const opener = () => Promise.reject(new Error('nothing is encrypted'));
        const onGap = (address: string) => gaps.push(address);
        await fetchPlan(copied, elsewhere(), { plan, record, opener, onGap }, { signal });
        return contentOf(elsewhere());
      }

      it('are written until somebody ends it, and lead another machine to the same moment', async () => {
        await writePlace(here(), received([3, 4, 5], {}));
        const open = join(here(), 'wal', '00000001-0001', '000000010000000000000006.partial');
        writeFileSync(open, 'the first bytes of it');
        const follower = follow(project.directory, project.env);
        const store = away.store.folder('shop-protection');
        const until = async (name: string) => {
          while (!(await store.names()).includes(name)) await sleep(100);
        };
        await until('wal.00000001-0001.000000010000000000000006.piece.1.0-21.gz');
        await until('state.json');
        renameSync(open, open.replace('.partial', ''));
        while ((await store.names()).some((name) => name.includes('.piece.'))) await sleep(100);
        const { code } = await follower.end();
        expect(code).toBe(130);
        expect(JSON.parse(readFileSync(join(here(), 'state', 'copy.json'), 'utf8'))).toMatchObject({
          address: store.address,
          failure: null,
        });
        const bare = (names: string[]) => names.map((name) => name.replace(/\.gz$/, ''));
        expect(bare(await fetched(store))).toEqual(contentOf(here()));
      });

      it('hold the open segment in pieces, of which one that is missing is told of, or as a whole, as before', async () => {
        await writePlace(here(), received([3, 4, 5], {}));
        const run = 'wal.00000001-0001.000000010000000000000006';
        const open = join(here(), 'wal', '00000001-0001', '000000010000000000000006.partial');
        const [first, second] = ['the first bytes of it', ' and the last ones'];
        writeFileSync(open, first);
        await project.data('db', 'copy');
        const store = away.store.folder('shop-protection');
        const gz = (text: string) => gzipSync(text);
        const assembled = async () => {
          await fetched(store);
          const file = join(elsewhere(), 'wal', '00000001-0001', '000000010000000000000006.partial.gz');
          const text = gunzipSync(readFileSync(file)).toString();
          rmSync(elsewhere(), { recursive: true });
          return { text, gaps: gaps.splice(0) };
        };
        await store.writeBytes(`${run}.piece.2.21-39.gz`, gz(second), signal);
        expect(await assembled()).toEqual({ text: first + second, gaps: [] });
        await store.remove(`${run}.piece.2.21-39.gz`);
        await store.writeBytes(`${run}.piece.3.39-40.gz`, gz('.'), signal);
        expect(await assembled()).toEqual({ text: first, gaps: [`${store.address}/${run}`] });
        for (const name of await store.names()) if (name.includes('.piece.')) await store.remove(name);
        await store.writeBytes(`${run}.partial.gz`, gz('as a whole'), signal);
        expect(await assembled()).toEqual({ text: 'as a whole', gaps: [] });
        // The next round replaces it.
        await project.data('db', 'copy');
        expect((await store.names()).filter((name) => name.startsWith(run))).toEqual([
          `${run}.piece.1.0-21.gz`,
        ]);
        expect(await assembled()).toEqual({ text: first, gaps: [] });
      });

      it('go with what is too old, the pieces of a segment as well', async () => {
        await writePlace(here(), received([3, 4], { keepSeconds: 60 }));
        await project.data('db', 'copy');
        const store = away.store.folder('shop-protection');
        const old = 'wal.00000001-0001.000000010000000000000002.piece.7.0-5.gz';
        await store.writeBytes(old, gzipSync('piece'), signal);
        await store.writeBytes(old.replace('2.piece', '5.piece'), gzipSync('piece'), signal);
        expect(await pruneServers(away.store, 'shop')).toEqual([old]);
        expect((await store.names()).filter((name) => name.includes('.piece.'))).toHaveLength(1);
      });

      it('are left to another machine that took them over', async () => {
        await writePlace(here(), received([3, 4], {}));
        const open = join(here(), 'wal', '00000001-0001', '000000010000000000000005.partial');
        writeFileSync(open, 'x');
        const follower = follow(project.directory, project.env);
        const store = away.store.folder('shop-protection');
        while (!(await store.names()).includes('state.json')) await sleep(100);
        const text = (await store.readText('protection.json')) as string;
        const taken = text.replace(/"owner": "\w+"/, '"owner": "another"');
        await store.writeText('protection.json', taken);
        const note = join(here(), 'state', 'copy.json');
        const failure = () =>
          existsSync(note) ? String(JSON.parse(readFileSync(note, 'utf8')).failure) : 'nothing noted yet';
        while (!failure().includes('another copy of this server')) await sleep(100);
        const names = await store.names();
        writeFileSync(open, 'xyz');
        await sleep(2500);
        await follower.end();
        expect(await store.names()).toEqual(names);
        expect(await store.readText('protection.json')).toBe(taken);
      });

      it('go on in a folder of their own after an upgrade, and the old ones lead there', async () => {
        await writePlace(here(), received([3, 4], {}));
        await project.data('db', 'copy');
        // Received after that round, and before the upgrade.
        writeFileSync(join(here(), 'wal', '00000001-0001', '000000010000000000000005'), 'the end');
        await putAside(here(), old, { major: 16, image: 'postgres:16' });
        const of = { system: next, after: old };
        await writePlace(here(), received([1, 2], { ...of, bases: [] }));
        await project.data('db', 'copy');
        const servers = async () =>
          (await copiedServers(away.store, 'shop')).map(({ record }) => record.systemIdentifier);
        // Without a base it leads to nothing yet.
        expect(await servers()).toEqual([old]);
        await writePlace(here(), received([1, 2], { ...of, runs: {} }));
        await project.data('db', 'copy');
        expect(await servers()).toEqual([old, next]);
        const [before, present] = await copiedServers(away.store, 'shop');
        expect(before?.record).toMatchObject({ successor: next, major: 16, image: 'postgres:16' });
        expect((await before?.store.names())?.filter((name) => name.includes('000005'))).toHaveLength(1);
        expect((await fetched((present as CopiedServer).store)).length).toBe(3);
        // Another round changes nothing, and the upgrade that is undone leads back.
        await project.data('db', 'copy');
        expect(await servers()).toEqual([old, next]);
        await putAside(here(), next);
        await takeUp(here(), old);
        await project.data('db', 'copy');
        expect(await servers()).toEqual([old]);
      });

      it('are refused to a server that did not come from the one that wrote them', async () => {
        await writePlace(here(), received([3, 4], {}));
        await project.data('db', 'copy');
        rmSync(here(), { recursive: true });
        await writePlace(here(), received([3, 4], { system: next }));
        expect(await project.error(1, 'db', 'copy')).toMatchObject({ code: 'COPY_OF_ANOTHER' });
      });
    });

    it('are the backups to the bit, listed where they are, and sent once', async () => {
      const older = project.backup(20);
      // Of more parts than are in memory at once.
      const newer = project.backup(21, { bytes: 27_000_001 });
      expect(await project.data('db', 'copy', newer)).toEqual({
        address: away.store.address,
        copied: [newer],
        present: [],
      });
      expect(await project.data('db', 'copy')).toMatchObject({ copied: [older], present: [newer] });
      expect(await project.data('db', 'copy')).toMatchObject({ copied: [], present: [older, newer] });
      for (const file of [older, newer]) {
        const copy = await buffer(await away.store.read(basename(file), signal));
        expect(copy.equals(readFileSync(file))).toBe(true);
      }
      rmSync(older);
      rmSync(`${older}.manifest.json`);
      const address = (file: string) => `${away.store.address}/${basename(file)}`;
      const { backups, copyTo } = await project.data('db', 'list');
      expect(copyTo).toBe(away.store.address);
      expect(backups).toMatchObject([
        { file: newer, here: true, copy: address(newer) },
        { file: address(older), here: false, copy: address(older) },
      ]);
      const { stdout } = await invctl(['db', 'list'], { cwd: project.directory, env: project.env });
      expect(stdout).toMatch(/20261121T020000Z\.dump .*here, away/);
      expect(stdout).toMatch(/20261120T020000Z\.dump .*away/);
    });

    it('without a manifest are none, and are made whole by the next run', async () => {
      const file = project.backup(20);
      await away.store.writeText(basename(file), 'what a killed copy left');
      expect((await project.data('db', 'list')).backups).toMatchObject([{ here: true, copy: null }]);
      expect(await project.data('db', 'copy')).toMatchObject({ copied: [file] });
      const copy = await buffer(await away.store.read(basename(file), signal));
      expect(copy.equals(readFileSync(file))).toBe(true);
    });

    it('take over the level that a backup was verified to later', async () => {
      const file = project.backup(20);
      await project.data('db', 'copy');
      const manifest = JSON.parse(readFileSync(`${file}.manifest.json`, 'utf8'));
      manifest.verification.level = 2;
      writeFileSync(`${file}.manifest.json`, JSON.stringify(manifest));
      expect(await project.data('db', 'copy')).toMatchObject({ copied: [], present: [file] });
      const there = JSON.parse((await away.store.readText(`${basename(file)}.manifest.json`)) as string);
      expect(there.verification.level).toBe(2);
    });

    it('are not made of a backup that is not what its manifest says', async () => {
      const file = project.backup(20);
      writeFileSync(file, randomBytes(1000));
      const error = await project.error(8, 'db', 'copy');
      expect(error).toMatchObject({ code: 'COPY_FAILED' });
      expect(error.message).toContain('the file has changed');
      expect(error.message).not.toContain('is whole');
      expect(error.hint).not.toContain('db copy');
      expect(await away.store.names()).toEqual([]);
    });

    it('never take the place of another backup', async () => {
      const file = project.backup(20);
      await project.data('db', 'copy');
      project.backup(20);
      expect(await project.error(1, 'db', 'copy')).toMatchObject({
        code: 'COPY_FAILED',
        hint: expect.stringContaining(`invctl db copy ${basename(file)}`),
      });
    });

    it('are pruned by the same rules, those of this database of this project alone, and never the last verified one', async () => {
      const files = [10, 11, 12].map((day) => project.backup(day));
      const other = project.backup(5, { project: 'another' });
      const production = project.backup(4, { place: 'production/hosts/ssh-shop' });
      await project.data('db', 'copy');
      for (const file of [...files, other, production]) {
        rmSync(file);
        rmSync(`${file}.manifest.json`);
      }
      const addresses = files.map((file) => `${away.store.address}/${basename(file)}`);
      const keepOne = ['--daily', '0', '--weekly', '0', '--monthly', '0'];
      const planned = await project.data('db', 'prune', ...keepOne, '--dry-run');
      expect(planned.copies).toEqual({
        kept: [addresses[2]],
        removed: [addresses[1], addresses[0]],
        protection: [],
      });
      expect(await away.store.names()).toHaveLength(10);
      await project.data('db', 'prune', ...keepOne);
      expect((await away.store.names()).sort()).toEqual(
        [other, production, files[2] as string]
          .flatMap((file) => [basename(file), `${basename(file)}.manifest.json`])
          .sort(),
      );
    });
  });
});

describe('a copy', () => {
  let project: Project;

  beforeEach(() => {
    project = new Project('shop');
  });

  afterEach(() => project.remove());

  /** Notes what is asked of it, and reads back what `change` makes of what was written. */
  function memoryStore(change: (content: Buffer) => Buffer) {
    const files = new Map<string, Buffer>();
    const calls: string[] = [];
    const store: CopyStore = {
      address: 'memory',
      folder: () => store,
      names: async () => [...files.keys()],
      readText: async (name) => files.get(name)?.toString(),
      writeText: async (name, text) => {
        calls.push(`write ${name}`);
        files.set(name, Buffer.from(text));
      },
      writeBytes: async (name, content) => {
        calls.push(`write ${name}`);
        files.set(name, Buffer.from(content));
      },
      read: async (name) => {
        calls.push(`read ${name}`);
        return Readable.from([change(files.get(name) as Buffer)]);
      },
      write: async (name, file) => {
        calls.push(`write ${name}`);
        files.set(name, readFileSync(file));
        return hashFile(file);
      },
      remove: async (name) => {
        calls.push(`remove ${name}`);
        files.delete(name);
      },
    };
    return { store, files, calls };
  }

  function stored(): StoredBackup {
    const file = project.backup(20);
    return { file, manifest: JSON.parse(readFileSync(`${file}.manifest.json`, 'utf8')) };
  }

  it('has its manifest last, when it has been read back', async () => {
    const { store, calls } = memoryStore((content) => content);
    const backup = stored();
    const name = basename(backup.file);
    expect(await copyBackup(store, backup, { signal })).toBe(true);
    expect(calls).toEqual([`write ${name}`, `read ${name}`, `write ${name}.manifest.json`]);
  });

  it.each([
    ['changed', (content: Buffer) => Buffer.from(content.map((byte, at) => (at === 7 ? byte ^ 1 : byte)))],
    ['cut', (content: Buffer) => content.subarray(0, -1)],
  ])('that comes back %s is removed, and is an error', async (_, change) => {
    const { store, files, calls } = memoryStore(change);
    const backup = stored();
    await expect(copyBackup(store, backup, { signal })).rejects.toMatchObject({
      code: 'COPY_FAILED',
      exitCode: 8,
      message: expect.stringContaining(`read back from memory/${basename(backup.file)} is not what was sent`),
      hint: expect.stringContaining('invctl db copy'),
    });
    expect(files.size).toBe(0);
    expect(calls.filter((call) => call.includes('manifest'))).toEqual([]);
    expect(existsSync(backup.file)).toBe(true);
  });
});

describe('a folder for copies', () => {
  let project: Project;

  beforeEach(() => {
    project = new Project('shop');
  });

  afterEach(() => project.remove());

  it('is not made where it is missing: its disk may not be mounted', async () => {
    const absent = join(project.directory, 'not mounted');
    project.settings({ copyTo: absent });
    project.backup(20);
    expect(await project.error(1, 'db', 'copy')).toMatchObject({
      code: 'COPIES_UNREACHABLE',
      message: expect.stringContaining('is its disk mounted?'),
    });
    expect(existsSync(absent)).toBe(false);
    const listed = await project.invctl('db', 'list');
    expect(listed.code).toBe(0);
    expect(JSON.parse(listed.stdout)).toMatchObject({
      data: { backups: [{ here: true, copy: null }], copyTo: null },
      warnings: [expect.stringContaining('the copies are not listed')],
    });
  });

  it('is no file, and may lie below the home folder', async () => {
    project.backup(20);
    project.settings({ copyTo: 'compose.yaml' });
    expect((await project.error(1, 'db', 'copy')).message).toContain(
      'compose.yaml: this is a file, not a folder',
    );
    project.env = { HOME: project.directory };
    mkdirSync(join(project.directory, 'away'));
    project.settings({ copyTo: '~/away' });
    expect(await project.data('db', 'copy')).toMatchObject({ address: join(project.directory, 'away') });
  });

  it('warns of the disk that the backups are on themselves, and refuses their own folder', async () => {
    mkdirSync(join(project.directory, 'near'));
    project.settings({ copyTo: 'near' });
    project.backup(20);
    const { warnings } = JSON.parse((await project.invctl('db', 'copy')).stdout);
    expect(warnings).toEqual([expect.stringContaining('the same file system')]);
    project.settings({ copyTo: './backups/' });
    expect(await project.error(4, 'db', 'copy')).toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('that is full leaves no part of a copy, and the backup as it was', async ({ skip }) => {
    const disk = join(project.directory, 'disk');
    if (!mountSmallDisk(disk, '64k')) skip('this machine does not let us mount a small file system');
    try {
      project.settings({ copyTo: 'disk' });
      const file = project.backup(20, { bytes: 200_000 });
      const before = readFileSync(file);
      expect(await project.error(1, 'db', 'copy')).toMatchObject({
        code: 'COPY_FAILED',
        message: expect.stringMatching(/but not copied: \S.*disk: has \d+ bytes left/),
        hint: expect.stringContaining(`df -h ${disk}\n`),
      });
      expect(readdirSync(disk)).toEqual([]);
      expect(readFileSync(file).equals(before)).toBe(true);
    } finally {
      unmount(disk);
    }
  });

  it('needs to be named', async () => {
    expect(await project.error(4, 'db', 'copy')).toMatchObject({
      code: 'NO_COPY_STORE',
      hint: expect.stringContaining('backup.copyTo'),
    });
  });

  it.each([
    [{ bucket: 'b', secretAccessKey: 'seeded-marker' }, 'secretAccessKey: unknown key'],
    [{ bucket: 'b', endpoint: 'https://user:seeded-marker@127.0.0.1:1' }, 'credentials belong in'],
    [{ bucket: 'b', endpoint: 'ftp://127.0.0.1' }, 'copyTo.endpoint: not a URL such as'],
    [7, 'neither a folder nor'],
  ])('is no %j', async (copyTo, message) => {
    project.settings({ copyTo });
    expect(await project.error(4, 'db', 'copy')).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(message),
    });
  });
});

describe('a backup of another user', () => {
  const anotherUser = 65534;
  let project: Project;

  beforeEach(() => {
    project = new Project('shop');
    mkdirSync(join(project.directory, 'away'));
    project.settings({ copyTo: 'away' });
    for (const folder of [project.directory, join(project.directory, 'away')]) chmodSync(folder, 0o777);
  });

  afterEach(() => project.remove());

  it.skipIf(process.getuid?.() !== 0 || !othersReachTheCli()).each([
    ['folder', (file: string) => dirname(file)],
    ['manifest', (file: string) => `${file}.manifest.json`],
    ['archive', (file: string) => file],
  ])('is named when its %s cannot be read', async (_, closed) => {
    const path = closed(project.backup(20));
    chmodSync(path, 0);
    const { stdout } = await invctl(['db', 'copy', '--json'], { cwd: project.directory, uid: anotherUser });
    expect(JSON.parse(stdout).error).toMatchObject({
      message: expect.stringContaining(`${path} cannot be read: permission denied`),
      hint: expect.stringContaining(`ls -ld ${path}`),
    });
  });
});

describe('a bucket that does not serve', () => {
  let project: Project;
  const nobody = {
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_ACCESS_KEY_ID: '',
    AWS_SECRET_ACCESS_KEY: '',
    AWS_REGION: '',
  };
  const somebody = { ...nobody, AWS_ACCESS_KEY_ID: 'shop:keeper', AWS_SECRET_ACCESS_KEY: 'seeded-marker' };

  beforeEach(() => {
    project = new Project('shop');
    project.backup(20);
    project.env = somebody;
  });

  afterEach(() => project.remove());

  it('because nobody listens', async () => {
    project.settings({ copyTo: { bucket: 'backups', endpoint: 'http://127.0.0.1:1' } });
    expect(await project.error(1, 'db', 'copy')).toMatchObject({
      code: 'COPY_FAILED',
      message: expect.stringContaining('s3://backups: it does not answer (ECONNREFUSED)'),
      hint: expect.stringContaining('backup.copyTo.endpoint'),
    });
  });

  it('because there are no credentials, or no region', async () => {
    project.env = nobody;
    project.settings({ copyTo: { bucket: 'backups', endpoint: 'http://127.0.0.1:1' } });
    expect(await project.error(1, 'db', 'copy')).toMatchObject({
      message: expect.stringContaining('no credentials were found'),
      hint: expect.stringContaining('AWS_ACCESS_KEY_ID'),
    });
    project.env = somebody;
    project.settings({ copyTo: { bucket: 'backups' } });
    expect(await project.error(1, 'db', 'copy')).toMatchObject({
      message: expect.stringContaining('region is not known'),
      hint: expect.stringContaining('AWS_REGION'),
    });
  });

  it.skipIf(withoutSwift)('because it is not there, or the key is wrong', async () => {
    const { endpoint, env } = swift as SwiftServer;
    project.settings({ copyTo: { bucket: 'nowhere', endpoint } });
    expect(await project.error(1, 'db', 'copy')).toMatchObject({
      message: expect.stringContaining('SignatureDoesNotMatch'),
      hint: expect.stringContaining('AWS_SECRET_ACCESS_KEY'),
    });
    project.settings({ copyTo: { bucket: 'No_Bucket', endpoint } });
    project.env = env;
    expect((await project.error(1, 'db', 'copy')).hint).toContain('backup.copyTo in invctl.yaml: its bucket');
    project.settings({ copyTo: { bucket: 'nowhere', endpoint: endpoint.replace('http:', 'https:') } });
    expect((await project.error(1, 'db', 'copy')).hint).toContain('answers http:// there');
    project.settings({ copyTo: { bucket: 'nowhere', endpoint } });
    project.env = env;
    expect(await project.error(1, 'db', 'copy')).toMatchObject({
      message: expect.stringContaining('NoSuchBucket'),
      hint: expect.stringContaining('make the bucket'),
    });
    const pruned = await project.error(1, 'db', 'prune');
    expect(pruned.message).toContain('the backups here are pruned, the copies are not');
  });

  it('because this installation has no S3 client', async () => {
    const hooks = join(project.directory, 'hooks.mjs');
    const resolve = `export async function resolve(name, context, next) {
      if (!name.startsWith('@aws-sdk/')) return next(name, context);
      throw Object.assign(new Error('not here'), { code: 'ERR_MODULE_NOT_FOUND' });
    }`;
    writeFileSync(
      hooks,
      `import { register } from 'node:module';\nregister('data:text/javascript,${encodeURIComponent(resolve).replaceAll("'", '%27')}');\n`,
    );
    project.env = { ...somebody, NODE_OPTIONS: `--import ${encodeURI(`file://${hooks}`)}` };
    project.settings({ copyTo: { bucket: 'backups', endpoint: 'http://127.0.0.1:1' } });
    expect(await project.error(1, 'db', 'copy')).toMatchObject({
      code: 'S3_CLIENT_MISSING',
      hint: expect.stringContaining('npm install --global @aws-sdk/client-s3@'),
    });
  });
});
