import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { locateProject } from '../../../../src/project/locate.js';
import { invctl } from '../../../support/cli.js';
import { freePort } from '../../../support/docker-project.js';
import { disposeOf, embeddedEngine, embeddedEnvironment } from '../../../support/embedded.js';
import { interruptedAt, killedAt } from '../../../support/kill-at-step.js';
import { killsOf, someOf } from '../../../support/kills.js';
import { schemaErrors } from '../../../support/schema.js';
import { createTinyStack, type TinyStack } from '../../../support/tiny-stack.js';

describe("secrets rotate of the admin's password, with the scaffold's own API", () => {
  let stack: TinyStack;
  let env: NodeJS.ProcessEnv;
  let api: string;
  const seen: string[] = [];
  let printed = '';

  const secrets = () => join(stack.directory, 'secrets');
  const password = () => readFile(join(secrets(), 'admin_password.txt'), 'utf8');
  const run = async (args: readonly string[], extra: Record<string, string> = {}) => {
    const { code, stdout, stderr } = await invctl(['--engine', 'embedded', '--json', ...args], {
      cwd: stack.directory,
      env: { ...env, ...extra },
    });
    printed += stdout + stderr;
    const document = stdout === '' ? undefined : JSON.parse(stdout);
    return { code, data: document?.data, error: document?.error, document };
  };
  const post = (path: string, body: object, token?: string) =>
    fetch(`${api}/${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
    });
  const login = async (username: string, attempt: string) => {
    const response = await post('auth/login', { username, password: attempt });
    return { status: response.status, tokens: (await response.json()) as Record<string, string> };
  };
  const refreshes = async (tokens: Record<string, string>) =>
    (await post('auth/refresh', { refresh_token: tokens.refresh_token })).status;
  const sql = async (text: string) => {
    const {
      host,
      port,
      user,
      database,
      password: own,
    } = await embeddedEngine(env).connection(locateProject(stack.directory, {}));
    const client = new pg.Client({ host, port, user, database, password: own?.reveal() });
    await client.connect();
    return client.query(text).finally(() => client.end());
  };
  /** The file has the password that holds, and nothing lies beside it. */
  const expectAgreement = async () => {
    const now = await password();
    seen.push(now);
    expect((await login('admin', now)).status).toBe(200);
    expect((await readdir(secrets())).sort()).toEqual(['admin_password.txt', 'db_password.txt']);
  };

  beforeAll(async () => {
    stack = await createTinyStack();
    env = await embeddedEnvironment(stack);
    // Its tests log in more often than people do.
    await rm(stack.directory, { recursive: true });
    const port = await freePort();
    api = `http://127.0.0.1:${port}/api/v1`;
    const words = ['init', stack.directory, '--name', stack.name, '--port', String(port)];
    expect((await invctl(words, { cwd: stack.home, env })).code).toBe(0);
    const dotenv = join(stack.directory, 'stack/.env');
    await writeFile(dotenv, `${await readFile(dotenv, 'utf8')}\nLOGIN_RATE_LIMIT_PER_MINUTE=1000\n`);
    expect((await run(['up'])).error).toBeUndefined();
    seen.push(await password());
  });
  afterEach(expectAgreement);
  afterAll(async () => {
    expect(seen.filter((one) => printed.includes(one))).toEqual([]);
    expect(await disposeOf(stack, env)).toEqual([]);
  });

  test('changes it in the API and in the file, and ends the sessions of that admin alone', async () => {
    const old = await password();
    const mine = await login('admin', old);
    const other = { username: 'olga', password: 'a second admin 5' };
    const added = await post('users', { ...other, role: 'admin' }, mine.tokens.access_token);
    expect(added.status).toBe(201);
    const hers = await login(other.username, other.password);
    const { code, document, data } = await run(['secrets', 'rotate', 'admin_password']);
    expect(schemaErrors('secrets-rotate', document)).toEqual([]);
    expect([code, data]).toMatchObject([0, { secret: 'admin_password', kind: 'admin', recreated: [] }]);
    expect(await password()).not.toBe(old);
    expect((await login('admin', old)).status).toBe(401);
    expect(await refreshes(mine.tokens)).toBe(401);
    expect(await refreshes(hers.tokens)).toBe(200);
    // The login that proved it has left no session behind.
    const { rows } = await sql(
      'SELECT count(*)::int AS open FROM refresh_tokens WHERE revoked_at IS NULL AND used_at IS NULL AND user_id = 1',
    );
    expect(rows).toEqual([{ open: 0 }]);
  });

  test('needs not to know the password of now: the file has another one', async () => {
    await rm(join(secrets(), 'admin_password.txt'));
    await writeFile(join(secrets(), 'admin_password.txt'), 'not the right password', { mode: 0o444 });
    expect((await run(['secrets', 'rotate', 'admin_password'])).code).toBe(0);
    expect(await password()).not.toBe('not the right password');
  });

  test('an API that is down, and an admin who is not there: nothing is changed', async () => {
    const old = await password();
    await sql(`UPDATE users SET username = 'root' WHERE username = 'admin'`);
    const absent = await run(['secrets', 'rotate', 'admin_password']);
    expect(absent).toMatchObject({ code: 4, error: { code: 'ADMIN_ABSENT' } });
    expect(absent.error.message).toMatch(/there is (olga, )?root$/);
    await sql(`UPDATE users SET username = 'admin' WHERE username = 'root'`);
    expect((await run(['stop', 'api'])).code).toBe(0);
    expect(await run(['secrets', 'rotate', 'admin_password'])).toMatchObject({
      code: 1,
      error: { code: 'ADMIN_API_DOWN', hint: expect.stringContaining('invctl up') },
    });
    expect((await run(['up'])).code).toBe(0);
    expect(await password()).toBe(old);
  });

  test('a Ctrl-C before the file has it puts the old one back', async () => {
    const old = await password();
    const { code } = await run(['secrets', 'rotate', 'admin_password'], interruptedAt('change'));
    expect(code).toBe(130);
    expect(await password()).toBe(old);
  });

  test.each(someOf(killsOf('secrets rotate admin_password')))(
    'killed at step %s, %s it is noted: recover brings one password that holds',
    async (step, when, noted) => {
      const old = await password();
      expect((await run(['secrets', 'rotate', 'admin_password'], killedAt(step, when))).code).toBeNull();
      const { data } = await run(['recover']);
      const finishes = noted === 'swap' || noted === 'clean';
      expect(data.recovered).toMatchObject(
        noted ? [{ step: noted, outcome: finishes ? 'finished' : 'reverted' }] : [],
      );
      expect((await password()) === old).toBe(!finishes);
    },
  );
});
