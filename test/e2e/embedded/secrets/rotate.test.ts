import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { invctl } from '../../../support/cli.js';
import { disposeOf, embeddedEngine, embeddedEnvironment } from '../../../support/embedded.js';
import { killedAt } from '../../../support/kill-at-step.js';
import { killsOf, someOf } from '../../../support/kills.js';
import { createTinyStack, type TinyStack } from '../../../support/tiny-stack.js';

describe('secrets rotate on the embedded engine', () => {
  let stack: TinyStack;
  let env: NodeJS.ProcessEnv;
  const seen: string[] = [];

  const run = (args: readonly string[], extra: Record<string, string> = {}) =>
    invctl(['--engine', 'embedded', '--json', ...args], { cwd: stack.directory, env: { ...env, ...extra } });
  const password = () => readFile(join(stack.directory, 'secrets', 'db_password.txt'), 'utf8');
  const opens = async (attempt: string) => {
    const { host, port, user, database } = await embeddedEngine(env).connection(stack.location());
    const client = new pg.Client({ host, port, user, database, password: attempt });
    return client
      .connect()
      .then(
        () => true,
        (error) => {
          if (error.code === '28P01') return false;
          throw error;
        },
      )
      .finally(() => client.end());
  };
  const expectAgreement = async (refused: readonly string[]) => {
    const now = await password();
    expect(await opens(now)).toBe(true);
    for (const old of refused) expect(await opens(old)).toBe(false);
    const facts = await (await fetch(`http://127.0.0.1:${stack.port}/facts`)).json();
    expect(facts).toMatchObject({ secret: createHash('sha256').update(now).digest('hex') });
    expect(await readdir(join(stack.directory, 'secrets'))).toEqual(['db_password.txt']);
  };

  beforeAll(async () => {
    stack = await createTinyStack();
    env = await embeddedEnvironment(stack);
    expect((await run(['up'])).code).toBe(0);
    seen.push(await password());
  });

  afterAll(async () => {
    expect(await disposeOf(stack, env)).toEqual([]);
  });

  test('changes the role, the file and the API together', async () => {
    const { code, stdout } = await run(['secrets', 'rotate']);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      data: { secret: 'db_password', recreated: ['api'] },
    });
    expect(code).toBe(0);
    await expectAgreement(seen);
    seen.push(await password());
  });

  test.each(someOf(killsOf('secrets rotate')))(
    'killed at step %s, %s it is noted: recover brings one password that works',
    async (step, when, noted) => {
      const old = await password();
      const killed = await run(['secrets', 'rotate', 'db_password'], killedAt(step, when));
      expect(killed.code).toBeNull();
      const { data } = JSON.parse((await run(['recover'])).stdout);
      const finishes = noted === 'recreate' || noted === 'prove' || noted === 'clean';
      expect(data.recovered, JSON.stringify(data.recovered)).toMatchObject(
        noted ? [{ step: noted, outcome: finishes ? 'finished' : 'reverted' }] : [],
      );
      const now = await password();
      expect(now === old).toBe(!finishes);
      await expectAgreement(now === old ? [] : [old]);
      seen.push(now);
    },
  );

  test('wrote no password into the logs', async () => {
    const { stdout } = await invctl(['--engine', 'embedded', 'logs'], { cwd: stack.directory, env });
    expect(stdout).toContain('password authentication failed');
    for (const secret of ['SCRAM-SHA-256$', ...seen]) expect(stdout).not.toContain(secret);
  });
});
