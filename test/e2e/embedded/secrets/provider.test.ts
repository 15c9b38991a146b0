import { existsSync } from 'node:fs';
import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { invctl } from '../../../support/cli.js';
import { disposeOf, embeddedEnvironment } from '../../../support/embedded.js';
import { schemaErrors } from '../../../support/schema.js';
import { createTinyStack, type TinyStack } from '../../../support/tiny-stack.js';

const MARKER = 'seeded-marker-3d9f';

describe('a secret with a provider', () => {
  let stack: TinyStack;
  let env: NodeJS.ProcessEnv;

  beforeEach(async () => {
    stack = await createTinyStack();
    env = await embeddedEnvironment(stack);
    await rm(join(stack.directory, 'secrets'), { recursive: true });
    // Tells how often it was asked, and gives what the file beside it has; nothing where there is none.
    const vault = join(stack.home, 'vault');
    await writeFile(vault, `#!/bin/sh\necho asked >> '${vault}.log'\ncat '${vault}.value'\n`);
    await chmod(vault, 0o755);
    await writeFile(
      join(stack.directory, 'invctl.yaml'),
      `secrets: {db_password: {command: [${JSON.stringify(vault)}]}}\n`,
    );
  });

  afterEach(async () => {
    expect(await disposeOf(stack, env)).toEqual([]);
  });

  const file = () => join(stack.directory, 'secrets', 'db_password.txt');
  const give = (value: string) => writeFile(join(stack.home, 'vault.value'), value);
  const asked = async () =>
    (await readFile(join(stack.home, 'vault.log'), 'utf8').catch(() => '')).split('\n').length - 1;
  const run = async (args: readonly string[]) => {
    const { code, stdout, stderr } = await invctl(['--engine', 'embedded', '--json', ...args], {
      cwd: stack.directory,
      env,
      input: 'typed\n',
    });
    expect(stdout + stderr).not.toContain(MARKER);
    const document = JSON.parse(stdout);
    expect(schemaErrors(document.ok ? args.slice(0, 2).join('-') : 'error', document)).toEqual([]);
    return { code, data: document.data, error: document.error };
  };
  const up = () => invctl(['--engine', 'embedded', 'up'], { cwd: stack.directory, env });
  const found = async () => {
    const { code, data } = await run(['secrets', 'check']);
    const red = data.checks.filter(({ findings }: { findings: unknown[] }) => findings.length > 0);
    return { code, red: red.map(({ id, outcome }: { id: string; outcome: string }) => `${id} ${outcome}`) };
  };

  test('is written by up where it has no file, and is left alone where it has one', async () => {
    await give(`${MARKER}-1\n`);
    expect(await found()).toEqual({ code: 0, red: ['secret.missing info'] });
    const before = await asked();
    expect((await up()).code).toBe(0);
    expect(await readFile(file(), 'utf8')).toBe(`${MARKER}-1`);
    expect((await stat(file())).mode & 0o777).toBe(0o444);
    expect((await stat(join(stack.directory, 'secrets'))).mode & 0o777).toBe(0o700);
    expect((await up()).code).toBe(0);
    expect((await asked()) - before).toBe(1);
    expect(await found()).toEqual({ code: 0, red: [] });

    await give(`${MARKER}-2`);
    expect(await found()).toEqual({ code: 0, red: ['secret.provider warn'] });
    expect((await up()).code).toBe(0);
    expect(await readFile(file(), 'utf8')).toBe(`${MARKER}-1`);
    const set = await run(['secrets', 'set', 'db_password', '--yes']);
    expect(set.error).toMatchObject({
      code: 'SECRET_HAS_PROVIDER',
      hint: expect.stringContaining('invctl secrets rotate db_password'),
    });

    expect((await run(['secrets', 'rotate', 'db_password'])).data).toMatchObject({ recreated: ['api'] });
    expect(await readFile(file(), 'utf8')).toBe(`${MARKER}-2`);
    expect(await found()).toEqual({ code: 0, red: [] });
    const again = await run(['secrets', 'rotate', 'db_password']);
    expect(again).toMatchObject({ code: 1, error: { code: 'SECRET_UNCHANGED' } });
    await give('');
    const empty = await run(['secrets', 'rotate', 'db_password']);
    expect(empty).toMatchObject({ code: 1, error: { code: 'PROVIDER_EMPTY' } });
    expect(await readFile(file(), 'utf8')).toBe(`${MARKER}-2`);
    const { stdout } = await invctl(['--engine', 'embedded', 'ps'], { cwd: stack.directory, env });
    expect(stdout.match(/healthy/g)).toHaveLength(2);
  });

  test('keeps the stack down, and writes nothing, where the command fails', async () => {
    const { code, error } = await run(['up']);
    expect({ code, error: error.code }).toEqual({ code: 1, error: 'PROVIDER_FAILED' });
    expect(existsSync(file())).toBe(false);
    expect((await run(['ps'])).data.services).toEqual([]);
    expect((await found()).red).toEqual(['secret.provider fail', 'secret.missing info']);
  });

  test('is made by no init, and by doctor --fix as its provider gives it', async () => {
    const project = join(stack.home, 'scaffold');
    await invctl(['init', project], { cwd: stack.home, env });
    await rm(join(project, 'secrets'), { recursive: true });
    await writeFile(
      join(project, 'invctl.yaml'),
      await readFile(join(stack.directory, 'invctl.yaml'), 'utf8'),
    );
    expect((await invctl(['init', project], { cwd: stack.home, env })).code).toBe(0);
    expect(existsSync(join(project, 'secrets/admin_password.txt'))).toBe(true);
    expect(existsSync(join(project, 'secrets/db_password.txt'))).toBe(false);
    await give(MARKER);
    const fixed = await invctl(['-C', project, '--engine', 'embedded', 'doctor', '--fix', '--yes'], {
      cwd: stack.home,
      env,
    });
    expect(fixed.stdout + fixed.stderr).not.toContain(MARKER);
    expect(await readFile(join(project, 'secrets/db_password.txt'), 'utf8')).toBe(MARKER);
  });
});
