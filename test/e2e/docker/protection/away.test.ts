import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { atFullSize } from '../../../support/fault-counts.js';
import { type ProtectionStatus, untilProtection } from '../../../support/protection/until.js';
import { failDisk, isMounted, mountDiskImage, unmount } from '../../../support/small-disk.js';
import { type DatabaseProject, startDatabaseProject } from '../database/fixture.js';

/** The place's disk is away for longer than the server keeps WAL: each test begins where the one before it ended. */
describe.skipIf(withoutDocker || !atFullSize)(
  'a disk of the place that is away past the bound of the slot',
  () => {
    let project: DatabaseProject;
    /** The disk as it is mounted before anything leads to it, and the file that it is made of. */
    let disk: string;
    let image: string;
    let mountpoint: string;
    let mounted = false;

    beforeAll(async () => {
      project = startDatabaseProject('protect-away');
      disk = mkdtempSync(join(tmpdir(), 'invctl disk '));
      mountpoint = join(project.directory, 'backups');
      image = `${disk}.image`;
      mounted = mountDiskImage(disk, image, 800 * 1024 ** 2);
      if (!mounted) return;
      plug();
      project.sql('CREATE TABLE notes (id serial PRIMARY KEY, text text NOT NULL)');
      project.sql(`ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'`);
      project.sql('SELECT pg_reload_conf()');
      await project.succeed(['db', 'protect', 'on', '--yes']);
      await untilStatus(({ windows }) => windows.length === 1);
    }, 900_000);

    afterAll(() => {
      if (!project) return;
      project.compose('down', '--volumes', '--timeout', '1');
      if (mounted) {
        unplug();
        unmount(disk);
      }
      rmSync(disk, { recursive: true, force: true });
      rmSync(image, { force: true });
      project.remove();
    });

    const rows = () => Number(project.sql('SELECT count(*) FROM notes'));

    function plug(): void {
      mkdirSync(mountpoint, { recursive: true });
      execFileSync('mount', ['--bind', disk, mountpoint]);
    }

    /** As a disk that is pulled: whoever has it open keeps it. */
    function unplug(): void {
      execFileSync('sh', ['-c', 'umount -l "$1" 2>/dev/null || true', 'sh', mountpoint]);
    }

    const status = () => project.succeed(['db', 'protect', 'status']);
    const untilStatus = (wanted: (status: ProtectionStatus) => boolean) => untilProtection(status, wanted);

    /** `status` and the checklist of production. */
    async function tellsEverywhere(message: string): Promise<void> {
      expect((await project.succeed(['status'])).protection.message).toContain(message);
      const checklist = await project.invctl(['doctor', '--production', '--only', 'prod.backups', '--json']);
      expect(JSON.parse(checklist.stdout).data.checks[0]).toMatchObject({
        findings: [{ message: expect.stringContaining(message) }],
      });
    }

    /** The app goes on, until the server has dropped what it kept for the receiver. */
    function writePastTheBound(): void {
      const before = rows();
      const lost = () => project.sql('SELECT wal_status FROM pg_replication_slots') === 'lost';
      for (let i = 0; i < 50 && !lost(); i += 1) {
        project.sql(
          `INSERT INTO notes (text) SELECT repeat(md5(i::text), 30) FROM generate_series(1, 20000) i`,
        );
        project.sql('SELECT pg_switch_wal(); CHECKPOINT');
      }
      expect(lost()).toBe(true);
      expect(rows()).toBeGreaterThan(before);
    }

    /** Nobody types anything: a window of its own, with a base of its own, that everything can be brought back from. */
    async function healsByItself(before: { windows: unknown[]; newestBase: { id: string } }): Promise<void> {
      const healed = await untilStatus(
        ({ receiver, message, windows, newestBase }) =>
          receiver === 'receiving' &&
          message === '' &&
          windows.length === before.windows.length + 1 &&
          newestBase.id !== before.newestBase.id,
      );
      expect(Date.parse(healed.windows.at(-1).from)).toBeGreaterThan(Date.parse(healed.windows.at(-2).until));
      project.sql(`INSERT INTO notes (text) VALUES ('after it')`);
      const since = Date.now();
      await untilStatus(({ windows }) => Date.parse(windows.at(-1).until) > since + 1000);
      const drill = await project.succeed(['db', 'verify', '--to', 'latest']);
      expect(drill.tables).toEqual([{ name: 'public.notes', rows: rows() }]);
    }

    it('is told of and heals by itself, where the receiver was started without it', {
      timeout: 900_000,
    }, async ({ skip }) => {
      if (!mounted) return skip('no disk can be mounted here');
      const before = await project.succeed(['db', 'protect', 'status']);
      project.compose('stop', '--timeout', '2', 'db-protect');
      unplug();
      project.compose('start', 'db-protect');
      await tellsEverywhere('is a disk missing?');
      writePastTheBound();
      plug();
      await healsByItself(before);
    });

    it('is told of and heals by itself, where it was written to until it could not be', {
      timeout: 900_000,
    }, async ({ skip }) => {
      if (!mounted) return skip('no disk can be mounted here');
      const before = await project.succeed(['db', 'protect', 'status']);
      failDisk(disk);
      await untilStatus(({ receiver }) => receiver === 'silent');
      await tellsEverywhere('cannot write into its folder');
      // It lets go of what it has, for a disk that is mounted anew.
      const restarts = () =>
        Number(
          execFileSync('docker', [
            'inspect',
            '-f',
            '{{.RestartCount}}',
            project.compose('ps', '-aq', 'db-protect').trim(),
          ]),
        );
      for (const first = restarts(); restarts() === first; ) await sleep(500);
      writePastTheBound();
      unplug();
      execFileSync('umount', ['--lazy', disk]);
      while (isMounted(image)) await sleep(500);
      expect(mountDiskImage(disk, image)).toBe(true);
      plug();
      await healsByItself(before);
    });
  },
);
