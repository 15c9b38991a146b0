import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { untilSafe } from '../../../support/protection/until.js';
import { type DatabaseProject, startDatabaseProject } from '../database/fixture.js';

describe.skipIf(withoutDocker)('a moment of a server with several databases', () => {
  let project: DatabaseProject;

  beforeAll(async () => {
    // Whether anything is committed between a moment and a DROP decides what is tested here.
    project = startDatabaseProject('several', { command: ['postgres', '-c', 'autovacuum=off'] });
    project.sql('CREATE TABLE items AS SELECT generate_series(1, 5) AS id');
    for (const name of ['billing', 'crm', 'wiki']) {
      project.sql(`CREATE DATABASE ${name}`);
      project.sql('CREATE TABLE rows AS SELECT generate_series(1, 7) AS id', name);
    }
    project.sql(`CREATE ROLE clerk PASSWORD 'then'`);
    await project.succeed(['db', 'protect', 'on', '--yes']);
  });

  afterAll(() => project?.remove());

  const safe = () => untilSafe(() => project.succeed(['db', 'protect', 'status']));
  const rowsOf = (name: string) => project.sql('SELECT count(*) FROM rows', name);
  const restore = (...args: string[]) => project.invctl(['db', 'restore', ...args, '--yes']);

  it('is brought back with what it dropped after it, and says what else goes back', async () => {
    await sleep(1100);
    const moment = project.sql(
      `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS"Z"')`,
    );
    // Nothing is committed between the moment and this.
    project.sql('DROP DATABASE crm');
    project.sql('DELETE FROM rows WHERE id > 3', 'billing');
    project.sql('CREATE DATABASE later');
    project.sql(`CREATE ROLE "new one"; ALTER ROLE clerk PASSWORD 'now'`);
    await safe();
    const { code, stderr } = await restore('--to', moment);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('a database was being dropped at that moment');
    expect(stderr).toContain('what else is in the server goes back, too: 4 databases');
    expect(stderr).toMatch(/billing as it would be:\n.*\n3 +7 +\+4 +public\.rows/);
    expect(stderr).toMatch(/crm comes back \([\d.]+ MB\)/);
    expect(stderr).toMatch(/later is removed, with all that is in it \([\d.]+ MB\)/);
    expect(stderr).toContain('every table has as many rows as now: wiki');
    expect(stderr).toContain('roles that are removed: new one');
    expect(stderr).toContain('roles that get the password of then: clerk');
    expect([rowsOf('crm'), rowsOf('billing'), rowsOf('wiki')]).toEqual(['7', '7', '7']);
    expect(project.databases()).not.toContain('later');
  });

  it('is what the history names for a table of another database', async () => {
    const { stderr } = await project.invctl(['db', 'history', 'rows']);
    expect(stderr).toContain('the database wiki of the server has a table public.rows');
    expect(stderr).toContain('invctl db restore --to TIME');
  });

  it("has the project's own database again, whose DROP the history tells", async () => {
    project.sql('INSERT INTO items VALUES (6)');
    project.sql('DROP DATABASE shop', 'postgres');
    await safe();
    const { code, stdout } = await project.invctl(['db', 'history', 'items']);
    expect(code).toBe(0);
    expect(stdout).toContain('the server has no database shop now; these transactions dropped a database:');
    const [, transaction = ''] =
      /the whole server: {2}invctl db restore --to-before (\d+)$/m.exec(stdout) ?? [];
    const told = await project.succeed(['db', 'history', 'items']);
    expect(told.changes[0]).toMatchObject({ transaction: Number(transaction), whole: 'dropped' });
    const { code: restored, stderr } = await restore('--to-before', transaction);
    expect(restored, stderr).toBe(0);
    expect(project.sql('SELECT count(*) FROM items')).toBe('6');
  });
});
