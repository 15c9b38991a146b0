import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { atFullSize, faultSteps } from '../../../support/fault-counts.js';
import { killedAt } from '../../../support/kill-at-step.js';
import { type Kill, killsOf } from '../../../support/kills.js';
import { untilProtection } from '../../../support/protection/until.js';
import { shimDocker } from './fixture.js';
import { startUpgradeProject, type UpgradeProject } from './upgrade-project.js';

describe.skipIf(withoutDocker)('a db upgrade on Docker that fails takes everything back:', () => {
  let project: UpgradeProject;

  beforeAll(async () => {
    project = startUpgradeProject('takeback');
    project.sql('CREATE TABLE beside (n int); INSERT INTO beside VALUES (1)', 'postgres');
    await project.succeed(['db', 'protect', 'on', '--yes']);
  });

  afterAll(() => project?.remove());

  beforeEach(() => project.noteState());

  it('when the new server lacks an extension', async () => {
    project.sql(`UPDATE pg_extension SET extname = 'nowhere'`);
    project.noteState();
    expect((await project.fails(['--to', '17', '--yes'], 'EXTENSIONS_MISSING', 1)).message).toContain(
      'nowhere',
    );
    project.sql(`UPDATE pg_extension SET extname = 'plpgsql'`);
  });

  it('when what arrives is not what was dumped', async () => {
    const env = shimDocker(
      project.directory,
      `case " $* " in *" pg_restore "*"/tmp/invctl-"*) ;; *) exec "$REAL" "$@";; esac
"$REAL" "$@" || exit
trial() { "$REAL" compose --file '${project.directory}'/.invctl/trial-*.json exec -T db psql -U owner -XqAt -d "$1"; }
name=$(echo "SELECT datname FROM pg_database WHERE datname LIKE 'shop_restore%'" | trial postgres)
echo "UPDATE items SET name = 'other' WHERE id = 7" | trial "$name"`,
    );
    expect((await project.fails(['--to', '17', '--yes'], 'RESTORE_INCOMPLETE', 8, env)).message).toContain(
      'the content of public.items differs',
    );
  });

  it.runIf(atFullSize)('when the programs of the new image receive nothing from its server', async () => {
    const env = shimDocker(
      project.directory,
      `case " $* " in *"pg_receivewal --version"*) echo 'pg_receivewal (PostgreSQL) 16.4'; exit;; esac
exec "$REAL" "$@"`,
    );
    expect((await project.fails(['--to', '17', '--yes'], 'PROTECTION_IMPOSSIBLE', 1, env)).message).toContain(
      'pg_receivewal of PostgreSQL 16',
    );
  });

  // The embedded engine's test has these three in the usual suites.
  it.runIf(atFullSize)('when the app does not become healthy on the new server', async () => {
    const flag = join(project.directory, 'flags', 'only-16');
    writeFileSync(flag, '');
    try {
      await project.fails(['--to', '17', '--yes'], 'SMOKE_TEST_FAILED', 6);
      await project.fails(['--to', '17', '--yes', '--no-smoke-test'], 'NOT_HEALTHY', 6);
    } finally {
      rmSync(flag);
    }
  });

  it.runIf(atFullSize)('when somebody writes meanwhile', async () => {
    const writer = project.psql();
    const running = project.invctl(['db', 'upgrade', '--to', '17', '--yes', '--json']);
    await atStep('load', running);
    writer.write(`UPDATE items SET name = 'written' WHERE id = 3;\n`);
    const { code, stdout } = await running;
    await writer.end();
    expect(JSON.parse(stdout).error).toMatchObject({ code: 'DATABASE_CHANGED' });
    expect(JSON.parse(stdout).error.message).toContain('public.items');
    expect(code).toBe(1);
    expect(project.sql('SELECT name FROM items WHERE id = 3')).toBe('written');
    project.sql(`UPDATE items SET name = (SELECT 'Ärtikel 3' || E'\\n\\\\.') WHERE id = 3`);
    project.nothingHasChanged();
  });

  it.runIf(atFullSize)('when somebody writes into another database meanwhile', async () => {
    const running = project.invctl(['db', 'upgrade', '--to', '17', '--yes', '--no-smoke-test', '--json']);
    await atStep('smoke', running);
    project.sql('INSERT INTO beside VALUES (2); SELECT lo_create(4712); CREATE ROLE late', 'postgres');
    const { error } = JSON.parse((await running).stdout);
    expect(error).toMatchObject({ code: 'DATABASE_CHANGED' });
    expect(error.message).toContain(': public.beside of postgres, large objects of postgres, the roles.');
    project.sql('DELETE FROM beside WHERE n = 2; SELECT lo_unlink(4712); DROP ROLE late', 'postgres');
    project.nothingHasChanged();
  });

  it.each(faultSteps([], ['switch', 'load']))('on Ctrl-C in the step %s', async (step) => {
    let interrupt = () => {};
    const running = project.invctl(['db', 'upgrade', '--to', '17', '--yes'], {
      onSpawn: (child) => {
        interrupt = () => child.kill('SIGINT');
      },
    });
    await atStep(step, running);
    interrupt();
    expect((await running).code).toBe(130);
    project.nothingHasChanged();
  });

  /** Waits until an upgrade that runs is at a step. */
  async function atStep(step: string, running: Promise<unknown>): Promise<void> {
    const journal = join(project.directory, '.invctl', 'journal');
    let over = false;
    running.finally(() => {
      over = true;
    });
    while (!over) {
      const names = existsSync(journal) ? readdirSync(journal) : [];
      const texts = names
        .filter((name) => name.endsWith('-upgrade.json') && !name.startsWith('.'))
        .map((name) => readFileSync(join(journal, name), 'utf8'));
      if (texts.some((text) => text.includes(`"step": "${step}"`))) return;
      await sleep(20);
    }
  }

  // The step `up` goes on to its end: upgrade.test.ts
  const kills = killsOf('db upgrade', { without: 'up' }).filter(([, , noted]) => noted !== undefined);
  // The embedded engine's test has every step in the usual suites too.
  const isUsual = ([step, when]: Kill) => step === 'switch' && when === 'after';

  it.each(
    faultSteps(
      kills.filter(isUsual),
      kills.filter((kill) => !isUsual(kill)),
    ),
  )('by recover, killed at the step %s, %s it is noted', async (step, when, noted) => {
    const killed = await project.invctl(['db', 'upgrade', '--to', '17', '--yes'], {
      env: killedAt(step, when),
    });
    expect(killed.code).toBeNull();
    expect((await project.invctl(['up'])).stderr).toContain('invctl recover');
    const journal = readFileSync(
      join(
        project.directory,
        '.invctl/journal',
        readdirSync(join(project.directory, '.invctl/journal'))[0] as string,
      ),
      'utf8',
    );
    const trial = readdirSync(join(project.directory, '.invctl')).filter((name) => name.startsWith('trial-'));
    const texts = trial.map((name) => readFileSync(join(project.directory, '.invctl', name), 'utf8'));
    expect(journal + texts.join('')).not.toContain('seeded-marker');
    const { recovered } = await project.succeed(['recover']);
    expect(recovered).toMatchObject([{ operation: 'db upgrade', step: noted, outcome: 'reverted' }]);
    project.nothingHasChanged();
  });

  it('and is protected as before, without a gap', async () => {
    const since = Date.now();
    await untilProtection(
      () => project.succeed(['db', 'protect', 'status']),
      ({ receiver, windows, earlier }) => {
        expect({ windows: windows.length, earlier }).toEqual({ windows: 1, earlier: [] });
        return receiver === 'receiving' && Date.parse(windows[0].until) > since;
      },
    );
  });
});
