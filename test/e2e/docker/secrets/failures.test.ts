import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { createDockerProject, type DockerProject } from '../../../support/docker-project.js';
import { atFullSize } from '../../../support/fault-counts.js';
import { shimDocker } from '../database/fixture.js';
import { FIRST_PASSWORD, MARKER, type SecretsProject, startSecretsProject } from './fixture.js';

const DATABASE = (environment: string) => `name: NAME
services:
  db:
    image: postgres:16
    environment: ${environment}
    secrets: [password]
  app:
    image: postgres:16
    environment: {DATABASE_URL: "postgres://owner:${MARKER}@db/shop"}
    depends_on: [db]
secrets:
  password: {file: ./password.txt}
  handed: {environment: HANDED}
`;

/** Ends invctl by SIGKILL in place of a program that a step runs, or when that program is through. */
function killedAtProgram(folder: string, step: string, program: string, when: 'before' | 'after'): string {
  const kill = when === 'before' ? 'kill -9 $PPID; exit 1' : '"$REAL" "$@"; kill -9 $PPID; exit 1';
  return `case "$*" in
  *'${program}'*) if grep -qs '"step": "${step}"' '${folder}'/.invctl/journal/*.json; then ${kill}; fi;;
esac
exec "$REAL" "$@"`;
}

describe.skipIf(withoutDocker)('a rotation that cannot be', () => {
  let project: DockerProject | undefined;

  afterEach(async () => {
    await project?.remove();
    expect(await project?.leftovers()).toEqual([]);
    project = undefined;
  });

  async function started(change?: (compose: string) => string): Promise<SecretsProject> {
    const secrets = await startSecretsProject(change);
    project = secrets;
    return secrets;
  }

  async function expectUnchanged(secrets: SecretsProject): Promise<void> {
    expect(await secrets.password()).toBe(FIRST_PASSWORD);
    expect(await secrets.opens(FIRST_PASSWORD)).toBe(true);
    expect(await secrets.litter()).toEqual([]);
    await secrets.healthy();
  }

  it('reverts the role, the file and the app when the app is not healthy with it', async () => {
    const secrets = await started((compose) =>
      compose.replace('test ! -e /tmp/ill', 'test $$(wc -c < /run/secrets/password) -ne 43'),
    );
    const { code, document } = await secrets.json(['secrets', 'rotate']);
    expect(document.error).toMatchObject({
      code: 'ROTATION_REVERTED',
      message: expect.stringContaining('everything is as it was before'),
      hint: 'invctl logs app',
    });
    expect(code).toBe(6);
    await expectUnchanged(secrets);
  });

  it('reverts on Ctrl-C, and is recovered when killed in the middle of a step', async () => {
    const secrets = await started();
    const interrupted = await secrets.invctl(['secrets', 'rotate'], {
      env: shimDocker(
        secrets.folder,
        `journal='${secrets.folder}'/.invctl/journal
grep -qs '"step": "alter"' "$journal"/*.json && ! grep -qs '"reverting": true' "$journal"/*.json && kill -INT $PPID && sleep 1
exec "$REAL" "$@"`,
      ),
    });
    expect(interrupted.code).toBe(130);
    await expectUnchanged(secrets);
    for (const [step, program, when] of [
      ['alter', 'psql --host', 'before'],
      ['recreate', 'up --detach', 'before'],
      ['recreate', 'up --detach', 'after'],
    ] as const) {
      const old = await secrets.password();
      const killed = await secrets.invctl(['secrets', 'rotate'], {
        env: shimDocker(secrets.folder, killedAtProgram(secrets.folder, step, program, when)),
      });
      expect(killed.code).toBeNull();
      expect((await secrets.invctl(['recover'])).code).toBe(0);
      const now = await secrets.password();
      expect(now === old).toBe(step === 'alter');
      expect(await secrets.opens(now)).toBe(true);
      expect(await secrets.litter()).toEqual([]);
      await secrets.healthy();
    }
  });

  it('is refused where the server asks for no password', async () => {
    const secrets = await started((compose) =>
      compose.replace('POSTGRES_DB: shop', 'POSTGRES_DB: shop, POSTGRES_HOST_AUTH_METHOD: trust'),
    );
    const { document } = await secrets.json(['secrets', 'rotate']);
    expect(document.error.code).toBe('PASSWORD_NOT_ASKED');
    await expectUnchanged(secrets);
  });

  it.each([
    ['{POSTGRES_PASSWORD: seeded}', [], 'PASSWORD_IN_CLEAR', 'db'],
    ['{POSTGRES_PASSWORD_FILE: /run/secrets/password}', [], 'PASSWORD_IN_CLEAR', 'app'],
    ['{POSTGRES_PASSWORD_FILE: /run/secrets/password}', ['pasword'], 'UNKNOWN_SECRET', 'pasword'],
    ['{POSTGRES_PASSWORD_FILE: /run/secrets/password}', ['DATABASE_URL'], 'UNKNOWN_SECRET', 'DATABASE_URL'],
  ] as const)('database %s, name %j: %s', async (environment, names, errorCode, named) => {
    project = await createDockerProject(DATABASE(environment));
    await project.write('password.txt', MARKER);
    await project.write('invctl.yaml', 'services: {database: db}\n');
    const { document } = await project.json(['secrets', 'rotate', ...names]);
    expect(document.error).toMatchObject({ code: errorCode, message: expect.stringContaining(named) });
    expect(JSON.stringify(document)).not.toContain(MARKER);
    expect(await readFile(join(project.folder, 'password.txt'), 'utf8')).toBe(MARKER);
  });
});

// The embedded engine's test has it in the usual suites.
describe.skipIf(withoutDocker || !atFullSize)('a password with a provider', () => {
  it('is rotated to what the provider gives', async () => {
    const project = await startSecretsProject();
    try {
      await project.write('vault.txt', `${MARKER}-of-the-vault\n`);
      await project.write(
        'invctl.yaml',
        'services: {database: db}\nsecrets: {password: {command: [cat, vault.txt]}}\n',
      );
      const rotated = await project.json(['-v', 'secrets', 'rotate']);
      expect(rotated.document.data).toMatchObject({ kind: 'password', recreated: ['app'] });
      expect(await project.password()).toBe(`${MARKER}-of-the-vault`);
      expect(await project.opens(`${MARKER}-of-the-vault`)).toBe(true);
      expect(await project.opens(FIRST_PASSWORD)).toBe(false);
      const again = await project.json(['secrets', 'rotate']);
      expect(again.document.error.code).toBe('SECRET_UNCHANGED');
      expect(JSON.stringify([rotated, again])).not.toContain(MARKER);
      expect(await project.litter()).toEqual([]);
    } finally {
      await project.remove();
    }
    expect(await project.leftovers()).toEqual([]);
  });
});

describe.skipIf(withoutDocker)('a secret that is no password of the database', () => {
  it('is changed in its file or its env file, and with it the services that have it', async () => {
    const project = await startSecretsProject((compose) =>
      compose.replace('secrets: [password]\n    depends', 'secrets: [password, other]\n    depends'),
    );
    try {
      const database = await project.containerId('db');
      const app = await project.containerId('app');
      const other = await project.json(['secrets', 'rotate', 'other']);
      expect(other.document.data).toMatchObject({ kind: 'file', recreated: ['app'] });
      const variable = await project.json(['secrets', 'rotate', 'API_TOKEN']);
      expect(variable.document.data).toMatchObject({ kind: 'variable', recreated: ['app'] });
      const text = await readFile(join(project.folder, 'app.env'), 'utf8');
      expect(text).toMatch(/^# kept\nAPI_TOKEN=[\w-]{43} # why\nGREETING=hello\n$/);
      expect(await project.containerId('db')).toBe(database);
      expect(await project.containerId('app')).not.toBe(app);
      const inApp = await project.invctl([
        'exec',
        'app',
        '--',
        'sh',
        '-c',
        'echo $API_TOKEN; cat /run/secrets/other',
      ]);
      const onDisk = await readFile(join(project.folder, 'secrets/other.txt'), 'utf8');
      expect(inApp.stdout).toBe(`${/=(\S+) #/.exec(text)?.[1]}\n${onDisk}`);
      expect(onDisk).toMatch(/^[\w-]{43}$/);
      expect(await project.password()).toBe(FIRST_PASSWORD);
      expect(await project.litter()).toEqual([]);
    } finally {
      await project.remove();
    }
    expect(await project.leftovers()).toEqual([]);
  });
});
