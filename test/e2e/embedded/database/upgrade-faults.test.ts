import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { atFullSize, faultSteps } from '../../../support/fault-counts.js';
import { interruptedAt, killedAfterRename, killedAt, stoppedAt } from '../../../support/kill-at-step.js';
import { killsOf } from '../../../support/kills.js';
import { untilSafe } from '../../../support/protection/until.js';
import { clientPrograms, startUpgradeStack, type UpgradeStack } from './upgrade-stack.js';

const UPGRADE = ['--to', '16', '--yes'];

describe.skipIf(!clientPrograms)(
  'a db upgrade on the embedded engine that fails takes everything back:',
  () => {
    let stack: UpgradeStack;

    beforeAll(async () => {
      stack = await startUpgradeStack();
    });

    afterAll(async () => {
      expect(await stack?.remove()).toEqual([]);
    });

    beforeEach(() => stack.noteState());

    it('when the new server lacks an extension', async () => {
      stack.sql(`UPDATE pg_extension SET extname = 'nowhere'`);
      stack.noteState();
      expect(await stack.fails(UPGRADE, 'EXTENSIONS_MISSING', 1)).toMatchObject({
        message: expect.stringContaining('nowhere'),
      });
      stack.sql(`UPDATE pg_extension SET extname = 'plpgsql'`);
    });

    it('when the app does not become healthy on the new server', async () => {
      writeFileSync(stack.onlyBefore, '');
      try {
        await stack.fails(UPGRADE, 'SMOKE_TEST_FAILED', 6);
        await stack.fails([...UPGRADE, '--no-smoke-test'], 'NOT_HEALTHY', 6);
      } finally {
        rmSync(stack.onlyBefore);
      }
    });

    it('when somebody writes meanwhile', async () => {
      let goOn = () => {};
      const running = stack.invctl(['db', 'upgrade', ...UPGRADE, '--json'], {
        env: stoppedAt('load'),
        onSpawn: (child) => {
          goOn = () => child.kill('SIGCONT');
        },
      });
      await atStep('load');
      stack.sql(`UPDATE items SET name = 'written' WHERE id = 3`);
      goOn();
      const { code, stdout } = await running;
      expect(JSON.parse(stdout).error).toMatchObject({
        code: 'DATABASE_CHANGED',
        message: expect.stringContaining('public.items'),
      });
      expect(code).toBe(1);
      expect(stack.sql('SELECT name FROM items WHERE id = 3')).toBe('written');
      stack.sql(`UPDATE items SET name = (SELECT 'Ärtikel 3' || E'\\n\\\\.') WHERE id = 3`);
      stack.nothingHasChanged();
    });

    /** Waits until an upgrade is at a step. */
    async function atStep(step: string): Promise<void> {
      const journal = join(stack.directory, '.invctl', 'journal');
      const notes = () =>
        (existsSync(journal) ? readdirSync(journal) : []).filter((name) =>
          /^[^.].*-upgrade\.json$/.test(name),
        );
      while (notes().every((name) => JSON.parse(readFileSync(join(journal, name), 'utf8')).step !== step)) {
        await sleep(20);
      }
    }

    it.each(faultSteps(['switch'], ['load', 'server', 'backup', 'smoke', 'up']))(
      'on Ctrl-C in the step %s',
      async (step) => {
        const stopped = await stack.invctl(['db', 'upgrade', ...UPGRADE], { env: interruptedAt(step) });
        expect(stopped.code).toBe(130);
        stack.nothingHasChanged();
      },
    );

    // The step `up` goes on to its end: upgrade.test.ts
    const kills = killsOf('db upgrade', { without: 'up' }).filter(([, , noted]) => noted !== undefined);
    const usual = kills.filter(([step, when]) => when === 'after' && ['load', 'switch'].includes(step));

    it.each(
      faultSteps(
        usual,
        kills.filter((kill) => !usual.includes(kill)),
      ),
    )('by recover, killed at the step %s, %s it is noted', async (step, when, noted) => {
      const killed = await stack.invctl(['db', 'upgrade', ...UPGRADE], { env: killedAt(step, when) });
      expect(killed.code).toBeNull();
      await recovers(noted);
    });

    it('by recover, killed when the project just got the new folder', async () => {
      const env = killedAfterRename(join('projects', stack.name, 'volumes', 'pgdata_16'));
      expect((await stack.invctl(['db', 'upgrade', ...UPGRADE], { env })).code).toBeNull();
      expect(existsSync(join(stack.state, 'projects', stack.name, 'volumes', 'pgdata_16'))).toBe(true);
      await recovers('smoke');
    });

    it('by recover, killed in the middle of a new cluster', async () => {
      const env = killedAfterRename('pgdata_16.partial-');
      expect((await stack.invctl(['db', 'upgrade', ...UPGRADE], { env })).code).toBeNull();
      await recovers('server');
    });

    it.runIf(atFullSize)(
      'and a protection is received into as before, until it goes along with the upgrade',
      async () => {
        await stack.succeed(['db', 'protect', 'on', '--yes']);
        const safe = () => untilSafe(() => stack.succeed(['db', 'protect', 'status']));
        await safe();
        stack.noteState();
        for (const step of ['load', 'switch']) {
          const env = killedAt(step, 'after');
          expect((await stack.invctl(['db', 'upgrade', ...UPGRADE], { env })).code).toBeNull();
          await recovers(step);
          expect(await safe()).toMatchObject({ receiver: 'receiving', windows: [{}], earlier: [] });
        }
        const moment = new Date().toISOString();
        await safe();
        const killed = await stack.invctl(['db', 'upgrade', ...UPGRADE], {
          env: killedAfterRename(join('earlier', '')),
        });
        expect(killed.code).toBeNull();
        const { recovered } = await stack.succeed(['recover']);
        expect(recovered).toMatchObject([{ step: 'up', outcome: 'finished' }]);
        expect(await safe()).toMatchObject({ windows: [{}], earlier: [{ major: 15, windows: [{}] }] });
        const { tables } = await stack.succeed(['db', 'restore', '--to', moment, '--table', 'items']);
        expect(tables[0].difference).toMatchObject({ onlyThen: 0, onlyNow: 0, changed: 0 });
      },
    );

    async function recovers(noted: string | undefined): Promise<void> {
      expect((await stack.invctl(['up'])).stderr).toContain('invctl recover');
      const journal = join(stack.directory, '.invctl/journal');
      for (const name of readdirSync(journal)) {
        expect(readFileSync(join(journal, name), 'utf8')).not.toContain('seeded-marker');
      }
      const { recovered } = await stack.succeed(['recover']);
      expect(recovered.at(-1)).toMatchObject({ operation: 'db upgrade', step: noted, outcome: 'reverted' });
      stack.nothingHasChanged();
    }
  },
);
