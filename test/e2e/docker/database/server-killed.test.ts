import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { faultSteps } from '../../../support/fault-counts.js';
import { type DatabaseProject, seedShop, shimDocker, startDatabaseProject } from './fixture.js';

const APP = `  app:
    image: node:24-slim
    init: true
    command: ["sleep", "infinity"]
    depends_on: {db: {condition: service_healthy}}`;

/** One row whose index takes its time, so that a restore is in the middle of its load for that long. */
const SLOW = `CREATE FUNCTION slow(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM pg_sleep(2); RETURN n; END $$;
  CREATE TABLE slow_one (n int); CREATE INDEX ON slow_one (slow(n)); INSERT INTO slow_one VALUES (1);`;

describe.skipIf(withoutDocker)('the database is killed while it is restored:', () => {
  let project: DatabaseProject;
  let file: string;
  let seeded: string;
  let live: string;

  beforeAll(async () => {
    project = startDatabaseProject('killed', { services: APP });
    seedShop(project, 100);
    project.sql(SLOW);
    // Without it, the server's crash recovery moves sequences on, by as many values as it logs ahead.
    project.sql('CHECKPOINT');
    seeded = project.fingerprint();
    ({ file } = await project.succeed(['db', 'backup']));
    project.sql('DELETE FROM movements WHERE id % 2 = 0; CHECKPOINT');
    live = project.fingerprint();
  });

  afterAll(() => project?.remove());

  beforeEach(() => rmSync(join(project.directory, 'shim'), { recursive: true, force: true }));

  /** Kills the server once, `seconds` after a client starts whose words match `pattern`, in a step of the journal. */
  function killing(pattern: string, step: string, seconds: number): Record<string, string> {
    return shimDocker(
      project.directory,
      `case " $* " in ${pattern})
  if grep -qs '"step": "${step}"' '${project.directory}'/.invctl/journal/*.json && mkdir '${project.directory}'/shim/once 2>/dev/null; then
    exec 3<&0
    ${seconds === 0 ? '' : `"$REAL" "$@" <&3 & sleep ${seconds}`}
    "$REAL" kill ${project.name}-db-1 >/dev/null
    ${seconds === 0 ? '"$REAL" "$@" <&3' : 'wait $!'}
    exit $?
  fi;;
esac
exec "$REAL" "$@"`,
    );
  }

  it.each(
    faultSteps<[when: string, pattern: string, step: string, seconds: number]>(
      [['in the middle of the load', '*" pg_restore "*--jobs*', 'load', 1]],
      [
        ['before the swap', '*" psql "*', 'swap', 0],
        ['before the archive is copied to it', `*'umask 077; cat'*`, 'load', 0],
        ['while what was loaded is compared', '*" psql "*--dbname=shop_restore_*', 'load', 0.3],
      ],
    ),
  )('%s', async (_, pattern, step, seconds) => {
    const { code, stdout } = await project.invctl(['db', 'restore', file, '--yes', '--json'], {
      env: killing(pattern, step, seconds),
    });
    const { error } = JSON.parse(stdout);
    expect(existsSync(join(project.directory, 'shim', 'once'))).toBe(true);
    expect(error?.code, stdout).not.toBe('INTERNAL');
    expect(code, stdout).toBeGreaterThan(0);

    const { recovered } = await project.succeed(['recover']);
    expect(recovered).toMatchObject([{ operation: 'db restore', step, outcome: 'reverted' }]);
    expect(project.fingerprint()).toBe(live);
    expect(project.databases()).toEqual(['shop']);
    await nothingIsLeft();
  });

  it('after the swap: what was restored is there when it is up again', async () => {
    const { restarted } = await project.succeed(['db', 'restore', file, '--yes'], {
      env: killing('*', 'restart', 0),
    });
    expect(restarted).toEqual(['app']);
    expect(existsSync(join(project.directory, 'shim', 'once'))).toBe(true);
    await project.succeed(['up']);
    expect(project.fingerprint()).toBe(seeded);
    await nothingIsLeft();
  });

  async function nothingIsLeft(): Promise<void> {
    expect(project.invctlSessions()).toBe('');
    expect(existsSync(join(project.directory, '.invctl', 'journal'))).toBe(false);
    const left = execFileSync('docker', ['exec', `${project.name}-db-1`, 'ls', '/tmp'], { encoding: 'utf8' });
    expect(left).not.toContain('invctl');
    const { services } = await project.succeed(['ps']);
    expect(services).toMatchObject([{ state: 'running' }, { state: 'running' }]);
  }
});
