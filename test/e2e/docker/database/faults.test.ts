import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { examineDump } from '../../../../src/backup/plain-dump.js';
import { withoutDocker } from '../../../support/docker.js';
import { faultCount, spread } from '../../../support/fault-counts.js';
import { interruptedAt } from '../../../support/kill-at-step.js';
import { mountSmallDisk, unmount } from '../../../support/small-disk.js';
import { type DatabaseProject, seedShop, shimDocker, startDatabaseProject } from './fixture.js';

/** Of one command of the CLI, on a busy machine. */
const COMMAND_MS = 10_000;

describe.skipIf(withoutDocker)('faults of backup and restore on Docker', () => {
  let project: DatabaseProject;
  let file: string;
  let seeded: string;
  let live: string;

  beforeAll(async () => {
    project = startDatabaseProject('faults');
    seedShop(project, 400);
    // Without it, a server that is killed moves sequences on, by as many values as it logs ahead.
    project.sql('CHECKPOINT');
    seeded = project.fingerprint();
    ({ file } = await project.succeed(['db', 'backup']));
    project.sql('DELETE FROM movements WHERE id % 3 = 0; CHECKPOINT');
    live = project.fingerprint();
  });

  afterAll(() => project?.remove());

  beforeEach(() => expect(project.fingerprint()).toBe(live));

  async function liveIsUntouched(): Promise<void> {
    expect(project.fingerprint()).toBe(live);
    expect(project.databases()).toEqual(['shop']);
    expect(project.invctlSessions()).toBe('');
    // A client program learns of its ended session when it next asks.
    for (let i = 0; i < 50 && project.clientProcesses() !== ''; i += 1) await sleep(100);
    expect(project.clientProcesses()).toBe('');
    expect(existsSync(join(project.directory, '.invctl'))).toBe(false);
    expect(readdirSync(join(project.directory, 'backups'))).toEqual([
      basename(file),
      `${basename(file)}.manifest.json`,
    ]);
  }

  async function refused(path: string, codes: readonly string[]): Promise<void> {
    const { code, stdout } = await project.invctl(['db', 'restore', path, '--yes', '--json']);
    expect(codes, stdout).toContain(JSON.parse(stdout).error?.code);
    expect(code).toBe(8);
  }

  const cuts = faultCount('FAULT_CUTS', 4);
  it(
    `refuses ${cuts} archives cut at 1 to 99 percent, without a manifest to compare with`,
    async () => {
      const whole = readFileSync(file);
      const path = join(project.directory, 'cut.dump');
      for (const at of spread(cuts, 99)) {
        writeFileSync(path, whole.subarray(0, Math.floor((whole.length * (at + 1)) / 100)));
        await refused(path, ['BACKUP_UNREADABLE']);
      }
      rmSync(path);
      await liveIsUntouched();
    },
    cuts * COMMAND_MS + 60_000,
  );

  const flips = faultCount('FAULT_FLIPS', 4);
  it(
    `refuses ${flips} archives with one bit flipped`,
    async () => {
      const whole = readFileSync(file);
      const path = join(project.directory, 'flipped.dump');
      copyFileSync(`${file}.manifest.json`, `${path}.manifest.json`);
      for (const bit of spread(flips, whole.length * 8)) {
        const flipped = Buffer.from(whole);
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
        writeFileSync(path, flipped);
        await refused(path, ['BACKUP_UNREADABLE']);
      }
      rmSync(path);
      rmSync(`${path}.manifest.json`);
      await liveIsUntouched();
    },
    flips * COMMAND_MS + 60_000,
  );

  const lines = faultCount('FAULT_COPY_LINES', 2);
  it(
    `refuses a plain dump cut at each line of a COPY, ${lines} of them by the command`,
    async () => {
      const sql = project.compose('exec', '-T', 'db', 'pg_dump', '-U', 'owner', 'shop');
      const ends: number[] = [];
      for (const copy of sql.matchAll(/^COPY .* FROM stdin;\n([\s\S]*?)^\\\.\n/gm)) {
        const from = copy.index + copy[0].length - (copy[1] as string).length - 3;
        for (let at = from; at <= copy.index + copy[0].length - 3; at = sql.indexOf('\n', at) + 1)
          ends.push(at);
      }
      expect(ends.length).toBeGreaterThan(1200);
      for (const end of ends) {
        const { problems } = await examineDump(Readable.from([Buffer.from(sql.slice(0, end))]), 'shop');
        expect(problems, `cut at ${end}`).toContainEqual(
          expect.objectContaining({ kind: 'unfinished-copy', unsafe: true }),
        );
      }
      const path = join(project.directory, 'cut.sql');
      for (const index of spread(lines, ends.length)) {
        writeFileSync(path, sql.slice(0, ends[index]));
        await refused(path, ['DUMP_UNSAFE']);
      }
      rmSync(path);
      await liveIsUntouched();
    },
    lines * COMMAND_MS + 120_000,
  );

  /** Runs `body` while a dump waits for a table that is locked. */
  async function whileDumpWaits(args: string[], body: () => Promise<void>, env = {}) {
    const holder = project.psql();
    const locks = (granted: boolean) =>
      Number(
        project.sql(
          `SELECT count(*) FROM pg_locks WHERE relation = 'public.movements'::regclass AND granted = ${granted}`,
        ),
      );
    holder.write('BEGIN; LOCK TABLE movements IN ACCESS EXCLUSIVE MODE;\n');
    while (locks(true) === 0) await sleep(20);
    const running = project.invctl(args, { env });
    while (locks(false) < 2) await sleep(20);
    await body();
    const result = await running;
    await holder.end();
    return result;
  }

  it('ends a backup whose database is stopped half-way, and leaves nothing of it', async () => {
    const { code, stdout } = await whileDumpWaits(['db', 'backup', '--json'], async () => {
      project.compose('kill', 'db');
    });
    expect(JSON.parse(stdout).error.code).toMatch(/^(BACKUP_FAILED|BACKUP_UNREADABLE|SQL_FAILED)$/);
    expect([1, 8]).toContain(code);
    project.compose('up', '--detach', '--wait');
    await liveIsUntouched();
  });

  it('takes back a restore whose database is stopped half-way', async () => {
    const env = shimDocker(
      project.directory,
      `case " $* " in *" pg_restore "*"/tmp/invctl-"*) "$REAL" compose kill db >&2;; esac\nexec "$REAL" "$@"`,
    );
    const { code } = await project.invctl(['db', 'restore', file, '--yes', '--json'], { env });
    expect(code).toBe(1);
    expect((await project.invctl(['db', 'list', '--json'])).code).toBe(0);
    const { recovered } = await project.succeed(['recover']);
    expect(recovered).toMatchObject([{ operation: 'db restore', outcome: 'reverted' }]);
    await liveIsUntouched();
  });

  it('takes back a restore whose engine goes away half-way', async () => {
    const env = shimDocker(
      project.directory,
      `case " $* " in *" pg_restore "*"/tmp/invctl-"*) touch '${project.directory}/shim/gone';; esac
if [ -e '${project.directory}/shim/gone' ]; then
  echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?' >&2; exit 1
fi
exec "$REAL" "$@"`,
    );
    const { code, stdout } = await project.invctl(['db', 'restore', file, '--yes', '--json'], { env });
    expect(JSON.parse(stdout).error.code).toBe('ENGINE_UNREACHABLE');
    expect(JSON.parse(stdout).warnings).toEqual([expect.stringContaining('invctl recover')]);
    expect(code).toBe(3);
    const { recovered } = await project.succeed(['recover']);
    expect(recovered).toMatchObject([{ operation: 'db restore', step: 'load', outcome: 'reverted' }]);
    await liveIsUntouched();
  });

  it('lets go of an engine that hangs, on Ctrl-C', async () => {
    const env = shimDocker(
      project.directory,
      `case " $* " in *" pg_restore "*"/tmp/invctl-"*) touch '${project.directory}/shim/hangs'; exec sleep 600;; esac\nexec "$REAL" "$@"`,
    );
    const running = project.invctl(['db', 'restore', file, '--yes'], {
      env,
      onSpawn: async (child) => {
        while (!existsSync(join(project.directory, 'shim', 'hangs'))) await sleep(20);
        child.kill('SIGINT');
      },
    });
    expect((await running).code).toBe(130);
    await liveIsUntouched();
  });

  it.each(['load', 'swap'])('takes back a restore on Ctrl-C at its step %s', async (step) => {
    const { code } = await project.invctl(['db', 'restore', file, '--yes'], { env: interruptedAt(step) });
    expect(code).toBe(130);
    await liveIsUntouched();
  });

  it('loses no write that the app was told of while a restore ran: undo has them all', async () => {
    const writer = project.repeat(WRITER);
    await writer.prints();
    const { previous } = await project.succeed(['db', 'restore', file, '--yes']);
    const written = (await writer.end()).filter((line) => /^\d+$/.test(line));
    expect(written.length).toBeGreaterThan(0);
    const after = project
      .sql(`SELECT name FROM items WHERE name LIKE 'written %'`)
      .split('\n')
      .filter(Boolean);
    await project.succeed(['db', 'restore', '--undo', '--yes']);
    const before = project
      .sql(`SELECT name FROM items WHERE name LIKE 'written %'`)
      .split('\n')
      .filter(Boolean);
    // Each is in the database of before or in the restored one.
    expect(new Set([...before, ...after])).toEqual(new Set(written.map((n) => `written ${n}`)));
    expect(before.length).toBeGreaterThan(0);
    expect(previous).toMatch(/^shop_before_/);
    await project.succeed(['db', 'restore', '--forget', '--confirm', project.name]);
    project.sql(`DELETE FROM items WHERE name LIKE 'written %';
      SELECT setval('items_id_seq', 400); CHECKPOINT`);
    await liveIsUntouched();
  });

  it('db prune says that a disk is read-only, and works on one that is full', async ({ skip }) => {
    const disk = join(project.directory, 'disk');
    if (!mountSmallDisk(disk, '4m')) skip('this machine does not let us mount a small file system');
    try {
      for (const day of ['2026-01-01', '2026-01-02']) {
        const copy = join(disk, `shop-${day}.dump`);
        copyFileSync(file, copy);
        const manifest = JSON.parse(readFileSync(`${file}.manifest.json`, 'utf8'));
        writeFileSync(
          `${copy}.manifest.json`,
          JSON.stringify({ ...manifest, file: basename(copy), takenAt: `${day}T00:00:00.000Z` }),
        );
      }
      writeFileSync(join(project.directory, 'invctl.yaml'), 'backup: {folder: disk}\n');
      const names = readdirSync(disk);
      const prune = ['db', 'prune', '--daily', '1', '--weekly', '0', '--monthly', '0'];
      execFileSync('mount', ['-o', 'remount,ro', disk]);
      const readOnly = await project.invctl([...prune, '--json']);
      expect(JSON.parse(readOnly.stdout).error.code).toBe('READ_ONLY');
      expect(readOnly.code).toBe(1);
      expect(readdirSync(disk)).toEqual(names);
      execFileSync('mount', ['-o', 'remount,rw', disk]);
      expect(() => writeFileSync(join(disk, 'filler'), Buffer.alloc(8 * 1024 * 1024))).toThrow('ENOSPC');
      const { removed } = await project.succeed(prune);
      expect(removed).toEqual([join(disk, 'shop-2026-01-01.dump')]);
      expect(readdirSync(disk)).toEqual([
        'filler',
        'shop-2026-01-02.dump',
        'shop-2026-01-02.dump.manifest.json',
      ]);
    } finally {
      unmount(disk);
      rmSync(disk, { recursive: true });
      rmSync(join(project.directory, 'invctl.yaml'), { force: true });
    }
    await liveIsUntouched();
  });

  it('restores, after all of that', async () => {
    await project.succeed(['db', 'restore', file, '--yes']);
    expect(project.fingerprint()).toBe(seeded);
    await project.succeed(['db', 'restore', '--undo', '--yes']);
  });
});

/** Inserts a row and prints its number, if it was committed. */
const WRITER = `i=$((i+1))
psql -U owner -d shop -XqAt -c "INSERT INTO items (sku, name, price) VALUES ('W$i-' || gen_random_uuid(), 'written $i', 1)" && echo $i`;
