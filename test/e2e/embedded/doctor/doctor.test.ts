import { afterAll, beforeAll, expect, test } from 'vitest';
import { invctl } from '../../../support/cli.js';
import { withoutDocker } from '../../../support/docker.js';
import { disposeOf, embeddedEngine, embeddedEnvironment, query } from '../../../support/embedded.js';
import { schemaErrors } from '../../../support/schema.js';
import { createTinyStack, type TinyStack } from '../../../support/tiny-stack.js';

let stack: TinyStack;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  stack = await createTinyStack();
  env = await embeddedEnvironment(stack, { INVCTL_ENGINE: 'embedded' });
  const { code, stderr } = await invctl(['up'], { cwd: stack.directory, env });
  expect(stderr).not.toContain('error');
  expect(code).toBe(0);
});
afterAll(async () => {
  expect(await disposeOf(stack, env)).toEqual([]);
});

async function doctor(...args: string[]) {
  const { code, stdout } = await invctl(['doctor', '--json', ...args], { cwd: stack.directory, env });
  const document = JSON.parse(stdout);
  expect(schemaErrors('doctor', document)).toEqual([]);
  const outcome = (id: string) => document.data.checks.find((one: { id: string }) => one.id === id);
  return { code, data: document.data, outcome };
}

test('a healthy stack has no fail, and checks of Docker are skipped with the reason', async () => {
  const { code, data, outcome } = await doctor();
  expect(code).toBe(0);
  expect(data.engine).toBe('embedded');
  expect(data.checks.filter((one: { outcome: string }) => ['fail', 'crashed'].includes(one.outcome))).toEqual(
    [],
  );
  for (const id of ['compose.absent', 'app.oom', 'orphans', 'vol.selinux']) {
    expect(outcome(id)).toMatchObject({
      outcome: 'skip',
      reason: 'the stack runs without Docker (embedded engine)',
    });
  }
  expect(outcome('port.own').findings[0].message).toContain(`port ${stack.port}`);
  expect(outcome('port.in-use').outcome).toBe('pass');
  expect(outcome('db.password-drift').outcome).toBe('pass');
});

test('the other engine says that this project itself has the port, and how to stop it', async () => {
  const { data, outcome } = await doctor('--engine', 'docker', '--only', 'port.in-use');
  const message = `port ${stack.port} of "api" is held by this project's own "api" on the embedded engine`;
  expect(outcome('port.in-use').findings).toEqual([
    expect.objectContaining({ message, next: expect.stringMatching(/^invctl --engine embedded down\b/) }),
  ]);
  expect(outcome('port.in-use').fixable).toBeUndefined();
  expect(data.rootCauses).toEqual(['port.in-use']);
  if (withoutDocker) return;
  const up = await invctl(['--engine', 'docker', 'up', '--json'], { cwd: stack.directory, env });
  expect(up.code).toBe(1);
  expect(JSON.parse(up.stdout).error).toMatchObject({ code: 'PORT_IN_USE', message, engine: 'embedded' });
});

test('the database is looked into without psql, and a sequence near its end is found', async () => {
  const before = await doctor();
  const health = before.data.checks.filter((one: { id: string }) => one.id.startsWith('health.'));
  expect(health.length).toBeGreaterThan(10);
  expect(health.filter((one: { outcome: string }) => one.outcome !== 'pass')).toEqual([]);
  const engine = embeddedEngine(env);
  await query(engine, stack, 'CREATE TABLE counted (id serial)');
  await query(engine, stack, "SELECT setval('counted_id_seq', 2147483600)");
  const { outcome, data } = await doctor('--only', 'health.sequence');
  expect(data.rootCauses).toEqual(['health.sequence']);
  expect(outcome('health.sequence').findings[0]).toMatchObject({
    message: expect.stringContaining('counted.id (integer), has used 99 % of its numbers'),
    next: expect.stringContaining('ALTER TABLE "public"."counted" ALTER COLUMN "id" TYPE bigint'),
  });
  await query(engine, stack, 'DROP TABLE counted');

  const { code, stdout } = await invctl(['db', 'inspect', '--json'], { cwd: stack.directory, env });
  expect(code).toBe(0);
  const document = JSON.parse(stdout);
  expect(schemaErrors('db-inspect', document)).toEqual([]);
  const hidden = document.data.sections.filter((one: { unavailable?: object }) => one.unavailable);
  expect(hidden.map(({ id }: { id: string }) => id)).toEqual(['statements']);
});

test('a changed password is found and brought to the server, and the data stays', async () => {
  const engine = embeddedEngine(env);
  await query(engine, stack, 'CREATE TABLE things AS SELECT 42 AS answer');
  await stack.writeSecret('another-secret-of-the-same-project');
  expect((await doctor()).data.rootCauses[0]).toBe('db.password-drift');
  const { data } = await doctor('--fix', '--yes');
  expect(data.fixed).toEqual(['db.password-drift']);
  expect(await query(embeddedEngine(env), stack, 'SELECT answer FROM things')).toEqual([42]);
});

test('an API that dies is named, with its last words', async () => {
  await stack.configure({ MOOD: 'dies' });
  const { code, stderr } = await invctl(['up', '--timeout', '30'], { cwd: stack.directory, env });
  expect(code).toBe(6);
  expect(stderr).toContain('"api" ended');
  const { data, outcome } = await doctor();
  expect(data.rootCauses[0]).toBe('app.exited');
  expect(outcome('app.exited').findings[0].why).toContain('the mood is bad');
});
