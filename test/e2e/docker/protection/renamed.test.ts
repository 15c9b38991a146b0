import { execFileSync } from 'node:child_process';
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { atFullSize } from '../../../support/fault-counts.js';
import { type ProtectionStatus, untilProtection } from '../../../support/protection/until.js';
import { startDatabaseProject } from '../database/fixture.js';

/** The container of the receiver keeps the path that it was started with, as after a reboot of the machine. */
describe.skipIf(withoutDocker || !atFullSize)("a protected project's folder that is renamed", () => {
  it('is told of as soon as the receiver is started again, and `up` goes on without a gap', {
    timeout: 300_000,
  }, async () => {
    const project = startDatabaseProject('protect-renamed');
    const renamed = `${project.directory} renamed`;
    onTestFinished(() => {
      rmSync(project.directory, { recursive: true, force: true });
      renameSync(renamed, project.directory);
      project.remove();
    });
    const here = { cwd: renamed };
    const status = () => project.succeed(['db', 'protect', 'status'], here);
    const untilStatus = (wanted: (status: ProtectionStatus) => boolean) => untilProtection(status, wanted);
    const sql = (statement: string) =>
      execFileSync('docker', [
        'exec',
        `${project.name}-db-1`,
        'psql',
        '-U',
        'owner',
        'shop',
        '-qc',
        statement,
      ]);

    project.sql('CREATE TABLE notes (id serial PRIMARY KEY, text text NOT NULL)');
    await project.succeed(['db', 'protect', 'on', '--yes']);
    renameSync(project.directory, renamed);
    // It has the folder open: nothing changes for it.
    const moved = Date.now();
    await untilStatus(({ windows }) => Date.parse(windows.at(-1)?.until ?? '') > moved + 1000);
    // A young backup is no protection.
    await project.succeed(['db', 'backup'], here);

    execFileSync('docker', ['restart', '--time', '2', `${project.name}-db-protect-1`]);
    sql(`INSERT INTO notes (text) VALUES ('while nothing is received')`);
    const base = await project.invctl(['db', 'backup', '--base', '--json'], here);
    expect(JSON.parse(base.stdout).error).toMatchObject({
      code: 'BASE_FAILED',
      message: expect.stringContaining('was started with another folder than'),
      hint: 'invctl up',
    });
    const { message } = await untilStatus(({ receiver }) => receiver === 'silent');
    expect(message).toBe(
      `the receiver does not run here since ${project.directory}/compose.yaml was moved or renamed (invctl up)`,
    );
    expect((await project.succeed(['status'], here)).protection.message).toBe(message);
    const checklist = await project.invctl(
      ['doctor', '--production', '--only', 'prod.backups', '--json'],
      here,
    );
    expect(JSON.parse(checklist.stdout).data.checks[0].findings[0].message).toContain(message);
    expect(readdirSync(`${project.directory}/backups/protection`)).toEqual([]);

    await project.succeed(['up'], here);
    const since = Date.now();
    const { windows } = await untilStatus(
      ({ receiver, windows }) =>
        receiver === 'receiving' && Date.parse(windows.at(-1)?.until ?? '') > since + 1000,
    );
    expect(windows.length).toBe(1);
    const drill = await project.succeed(['db', 'verify', '--to', 'latest'], here);
    expect(drill.tables).toEqual([{ name: 'public.notes', rows: 1 }]);
  });
});
