import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { faultSteps } from '../../../support/fault-counts.js';
import { killedAt } from '../../../support/kill-at-step.js';
import { type Kill, killsOf } from '../../../support/kills.js';
import { type DatabaseProject, killAtStep, seedShop, startDatabaseProject } from './fixture.js';

const APP = `  app:
    image: node:24-slim
    init: true
    command: ["sleep", "infinity"]
    depends_on: {db: {condition: service_healthy}}`;

describe.skipIf(withoutDocker)('recover on Docker', () => {
  let project: DatabaseProject;
  let file: string;
  let seeded: string;
  let live: string;

  beforeAll(async () => {
    project = startDatabaseProject('recover', { services: APP });
    seedShop(project, 300);
    seeded = project.fingerprint();
    ({ file } = await project.succeed(['db', 'backup']));
    project.sql('DELETE FROM movements WHERE id % 2 = 0');
    live = project.fingerprint();
  });

  afterAll(() => project?.remove());

  async function nothingIsLeft(): Promise<void> {
    expect(project.databases().filter((name) => name.includes('_restore_'))).toEqual([]);
    expect(project.invctlSessions()).toBe('');
    // A client program learns of its ended session when it next asks.
    for (let i = 0; i < 50 && project.clientProcesses() !== ''; i += 1) await sleep(100);
    expect(project.clientProcesses()).toBe('');
    expect(existsSync(join(project.directory, '.invctl', 'journal'))).toBe(false);
    const inContainer = execFileSync('docker', ['compose', 'exec', '-T', 'db', 'ls', '/tmp'], {
      cwd: project.directory,
      encoding: 'utf8',
    });
    expect(inContainer).not.toContain('invctl');
  }

  // Not noted, it is over before it began: the others' tests have that.
  const kills = killsOf('db restore').filter(([, , noted]) => noted !== undefined);
  // The database has changed hands between the two.
  const isUsual = ([step, when]: Kill) => when === 'after' || step === 'restart';
  const usual = kills.filter(isUsual);
  const others = kills.filter((kill) => !isUsual(kill));

  it.each(faultSteps(usual, others))(
    'after a restore killed at step %s, %s it is noted',
    async (step, when, noted) => {
      const killed = await project.invctl(['db', 'restore', file, '--yes'], { env: killedAt(step, when) });
      expect(killed.code).toBeNull();
      await recovers(noted as string, step === 'restart' ? 'finished' : 'reverted');
    },
  );

  // The fifth and the sixth run at the same time.
  it.each(faultSteps([3], [2, 7]))('after a restore killed in its step load, at program %i', async (call) => {
    const killed = await project.invctl(['db', 'restore', file, '--yes'], {
      env: killAtStep(project.directory, 'load', call),
    });
    expect(killed.code).toBeNull();
    await recovers('load', 'reverted');
  });

  async function recovers(step: string, outcome: 'finished' | 'reverted'): Promise<void> {
    expect(project.fingerprint()).toBe(outcome === 'reverted' ? live : seeded);

    const refused = await project.invctl(['db', 'backup', '--json']);
    expect(JSON.parse(refused.stdout).error).toMatchObject({
      code: 'UNFINISHED_OPERATION',
      hint: expect.stringContaining('invctl recover'),
    });
    expect(refused.code).toBe(1);

    const recovered = await project.invctl(['recover', '--json']);
    expect(recovered).toMatchObject({ code: 0 });
    expect(JSON.parse(recovered.stdout).data.recovered).toMatchObject([
      { operation: 'db restore', step, outcome },
    ]);
    expect(project.fingerprint()).toBe(outcome === 'reverted' ? live : seeded);
    await nothingIsLeft();
    const again = await project.invctl(['recover', '--json']);
    expect(JSON.parse(again.stdout).data.recovered).toEqual([]);
    if (outcome === 'finished') {
      expect((await project.invctl(['db', 'restore', '--undo', '--yes', '--no-restart'])).code).toBe(0);
      expect(project.fingerprint()).toBe(live);
      expect((await project.invctl(['db', 'restore', '--forget', '--confirm', project.name])).code).toBe(0);
    }
  }

  it.each(faultSteps([2], [1, 3]))(
    'a backup killed at its program %i keeps nobody from the next one',
    async (call) => {
      const folder = join(project.directory, 'backups');
      const before = readdirSync(folder);
      const killed = await project.invctl(['db', 'backup'], {
        env: killAtStep(project.directory, 'dump', call),
      });
      expect(killed.code).toBeNull();
      expect(readdirSync(folder).filter((name) => name.endsWith('.manifest.json'))).toHaveLength(1);
      const next = await project.invctl(['db', 'backup', '--json', '-o', 'next.dump']);
      expect(next).toMatchObject({ code: 0 });
      expect(JSON.parse(next.stdout).warnings).toEqual([expect.stringContaining('was killed')]);
      expect(readdirSync(folder)).toEqual(before);
      await nothingIsLeft();
      for (const name of ['next.dump', 'next.dump.manifest.json']) {
        execFileSync('rm', [join(project.directory, name)]);
      }
    },
  );

  it('starts a database that went down with the power', async () => {
    // Without it the server's own crash recovery moves sequences on, by as many values as it logs ahead.
    project.sql('CHECKPOINT');
    const killed = await project.invctl(['db', 'restore', file, '--yes'], {
      env: killAtStep(project.directory, 'load', 3),
    });
    expect(killed.code).toBeNull();
    execFileSync('docker', ['compose', 'kill', 'db'], { cwd: project.directory, stdio: 'ignore' });
    expect(await project.invctl(['recover'])).toMatchObject({ code: 0 });
    expect(project.fingerprint()).toBe(live);
    await nothingIsLeft();
  });
});
