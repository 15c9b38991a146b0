import { readdirSync, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { killedAt } from '../../../support/kill-at-step.js';
import { killsOf, someOf } from '../../../support/kills.js';
import { commandLines } from '../../../support/leaks.js';
import { FIRST_PASSWORD, MARKER, type SecretsProject, startSecretsProject } from './fixture.js';

describe.skipIf(withoutDocker)('secrets rotate on Docker', () => {
  let project: SecretsProject;
  const seen: string[] = [FIRST_PASSWORD];

  beforeAll(async () => {
    project = await startSecretsProject();
  });

  afterAll(async () => {
    await project?.remove();
    expect(await project?.leftovers()).toEqual([]);
  });

  /** The one password that everybody agrees on. */
  async function expectAgreement(refused: readonly string[]): Promise<void> {
    expect(await project.litter()).toEqual([]);
    expect(await project.opens(await project.password())).toBe(true);
    for (const password of refused) expect(await project.opens(password)).toBe(false);
    await project.healthy();
  }

  it('changes the role, the file and the app together; nothing shows a password', async () => {
    const before = await stat(join(project.folder, 'secrets/password.txt'));
    const database = await project.containerId('db');
    const argvs: string[] = [];
    const journal: string[] = [];
    const spy = setInterval(() => {
      argvs.push(...commandLines());
      journal.push(...journalEntries(project.folder));
    }, 10);
    const { code, stdout, stderr } = await project.invctl(['-v', '--json', 'secrets', 'rotate']);
    clearInterval(spy);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      data: { secret: 'password', kind: 'password', recreated: ['app'] },
    });
    expect(code).toBe(0);
    const password = await project.password();
    expect(password).toMatch(/^[\w-]{43}$/);
    await expectAgreement(seen);
    seen.push(password);
    expect(await project.containerId('db')).toBe(database);
    const after = await stat(join(project.folder, 'secrets/password.txt'));
    expect([after.mode, after.uid, after.gid]).toEqual([before.mode, before.uid, before.gid]);
    // What was looked at is what a secret would be in.
    expect(argvs.some((line) => /invctl\.js .*secrets rotate/.test(line))).toBe(true);
    expect(argvs.some((line) => line.includes('psql --host='))).toBe(true);
    expect(journal.map((text) => JSON.parse(text).step)).toEqual(
      expect.arrayContaining(['alter', 'recreate']),
    );
    expect(stderr).toContain('psql');
    const shown = [...argvs, ...journal, stdout, stderr].join('\n');
    for (const secret of [MARKER, password, 'SCRAM-SHA-256$']) expect(shown).not.toContain(secret);
  });

  it.each(someOf(killsOf('secrets rotate')))(
    'killed at step %s, %s it is noted: recover brings one password that works',
    async (step, when, noted) => {
      const old = await project.password();
      const killed = await project.invctl(['secrets', 'rotate'], { env: killedAt(step, when) });
      expect(killed.code).toBeNull();
      const begun = step !== 'prepare' || when === 'after';
      if (begun) {
        const refused = await project.json(['up']);
        expect(refused.document.error.code).toBe('UNFINISHED_OPERATION');
      }
      const recovered = JSON.parse((await project.invctl(['recover', '--json'])).stdout);
      const finishes = noted === 'recreate' || noted === 'prove' || noted === 'clean';
      expect(recovered.data.recovered).toMatchObject(
        begun
          ? [{ operation: 'secrets rotate', step: noted, outcome: finishes ? 'finished' : 'reverted' }]
          : [],
      );
      const now = await project.password();
      expect(now === old).toBe(!finishes);
      await expectAgreement(now === old ? [] : [old]);
      seen.push(now);
    },
  );

  it('wrote no password into the logs of the server and of the app', async () => {
    const { stdout: logs } = await project.invctl(['logs']);
    expect(logs).toContain('password authentication failed');
    for (const secret of [MARKER, 'SCRAM-SHA-256$', ...seen]) expect(logs).not.toContain(secret);
  });
});

function journalEntries(folder: string): string[] {
  const journal = join(folder, '.invctl', 'journal');
  try {
    const names = readdirSync(journal).filter((name) => name.endsWith('.json'));
    return names.map((name) => readFileSync(join(journal, name), 'utf8'));
  } catch {
    // Not begun yet, or over.
    return [];
  }
}
