import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { faultSteps } from '../../../support/fault-counts.js';
import { killedAt } from '../../../support/kill-at-step.js';
import { type Kill, killsOf } from '../../../support/kills.js';
import { untilSafe } from '../../../support/protection/until.js';
import { type DatabaseProject, killAtStep, startDatabaseProject } from '../database/fixture.js';

/** Kills of an operation that has an entry by then; the usual suites have time for some of them. */
function kills(name: string, all: readonly Kill[], usual: (kill: Kill) => boolean): readonly Kill[] {
  const noted = all.filter(([, , step]) => step !== undefined);
  if (noted.length === 0) throw new Error(`${name} is never noted`);
  return faultSteps(
    noted.filter(usual),
    noted.filter((kill) => !usual(kill)),
  );
}

describe.skipIf(withoutDocker)('recover of the protection on Docker', () => {
  let project: DatabaseProject;
  let composeBefore: string;

  beforeAll(() => {
    project = startDatabaseProject('protect-kill');
    composeBefore = composeFile();
    project.sql('CREATE TABLE notes AS SELECT generate_series(1, 100) AS id');
  });

  afterAll(() => project?.remove());

  const composeFile = () => readFileSync(join(project.directory, 'compose.yaml'), 'utf8');
  const inServer = () =>
    project.sql(`SELECT (SELECT count(*) FROM pg_roles WHERE rolname = 'invctl_protect') || ' ' ||
      (SELECT count(*) FROM pg_replication_slots) || ' ' || current_setting('max_slot_wal_keep_size')`);
  const count = () => Number(project.sql('SELECT count(*) FROM notes'));

  async function recover(step: string | undefined): Promise<string> {
    const refused = await project.invctl(['db', 'protect', 'on', '--yes', '--json']);
    expect(JSON.parse(refused.stdout).error.code).toBe('UNFINISHED_OPERATION');
    const { recovered } = await project.succeed(['recover']);
    expect(recovered).toMatchObject([{ step }]);
    expect(existsSync(join(project.directory, '.invctl', 'journal'))).toBe(false);
    return recovered[0].outcome;
  }

  it.each(
    kills(
      'db protect on',
      killsOf('db protect on'),
      ([step, when]) => step === 'receiver' && when === 'after',
    ),
  )(
    'after db protect on killed at step %s, %s it is noted, nothing of it is left',
    async (step, when, noted) => {
      const killed = await project.invctl(['db', 'protect', 'on', '--yes'], { env: killedAt(step, when) });
      expect(killed.code).toBeNull();
      expect(await recover(noted)).toBe('reverted');
      expect(composeFile()).toBe(composeBefore);
      expect(inServer()).toBe('0 0 -1');
    },
  );

  it('a base backup that was killed keeps nobody from anything', async () => {
    await project.succeed(['db', 'protect', 'on', '--yes']);
    for (const [step, when] of kills('db backup --base', killsOf('db backup --base'), () => true)) {
      const killed = await project.invctl(['db', 'backup', '--base'], { env: killedAt(step, when) });
      expect(killed.code).toBeNull();
    }
    await project.succeed(['db', 'backup', '--base']);
    await project.succeed(['recover']);
    const { bases, receiver } = await project.succeed(['db', 'protect', 'status']);
    expect(bases).toBeGreaterThan(1);
    expect(receiver).toBe('receiving');
  });

  async function deleted(): Promise<string> {
    project.sql('TRUNCATE notes; INSERT INTO notes SELECT generate_series(1, 100)');
    await sleep(1100);
    const moment = project.sql(
      `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"')`,
    );
    await sleep(1100);
    project.sql('DELETE FROM notes WHERE id > 1');
    await untilSafe(() => project.succeed(['db', 'protect', 'status']));
    return moment;
  }

  it.each(
    kills(
      'db restore --to',
      killsOf('db restore --to'),
      ([step, when]) => step !== 'recover' && when === 'after',
    ),
  )('after db restore --to killed at step %s, %s it is noted', async (step, when, noted) => {
    const moment = await deleted();
    const killed = await project.invctl(['db', 'restore', '--to', moment, '--yes'], {
      env: killedAt(step, when),
    });
    expect(killed.code).toBeNull();
    const outcome = await recover(noted);
    expect(outcome).toBe(noted === 'restart' ? 'finished' : 'reverted');
    expect(count()).toBe(outcome === 'finished' ? 100 : 1);
    nothingIsLeft();
  });

  // The last of them is the move of the files itself.
  it.each(faultSteps([], [1, 2, 3]))('after one killed in its step swap, at program %i', async (call) => {
    const moment = await deleted();
    const killed = await project.invctl(['db', 'restore', '--to', moment, '--yes'], {
      env: killAtStep(project.directory, 'swap', call),
    });
    expect(killed.code).toBeNull();
    expect(await recover('swap')).toBe('reverted');
    expect(count()).toBe(1);
    nothingIsLeft();
  });

  it.each(kills('db protect off', killsOf('db protect off'), () => true))(
    'db protect off killed at step %s, %s it is noted, is finished',
    async (step, when, noted) => {
      const killed = await project.invctl(['db', 'protect', 'off', '--yes'], { env: killedAt(step, when) });
      expect(killed.code).toBeNull();
      expect(await recover(noted)).toBe('finished');
      expect(composeFile()).toBe(composeBefore);
      expect(inServer()).toBe('0 0 -1');
    },
  );

  /** Of the second server, its container, its network and its folder. */
  function nothingIsLeft(): void {
    const list = (what: 'container' | 'network') =>
      execFileSync('docker', [what, 'ls', '--quiet', '--filter', `name=${project.name}-restore`], {
        encoding: 'utf8',
      }).trim();
    expect([list('container'), list('network')]).toEqual(['', '']);
    const folders = execFileSync(
      'docker',
      ['compose', 'exec', '-T', 'db', 'sh', '-c', 'ls -d "$PGDATA"/pgsql_tmp_restore_* 2>/dev/null || true'],
      { cwd: project.directory, encoding: 'utf8' },
    );
    expect(folders.trim()).toBe('');
  }
});
