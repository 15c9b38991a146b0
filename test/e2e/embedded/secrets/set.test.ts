import { existsSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { invctl } from '../../../support/cli.js';
import { disposeOf, embeddedEnvironment } from '../../../support/embedded.js';
import { schemaErrors } from '../../../support/schema.js';
import { ENTER, invctlOnTerminal } from '../../../support/terminal.js';
import { createTinyStack, type TinyStack } from '../../../support/tiny-stack.js';

const MARKER = 'seeded-marker-9b2e';

describe('secrets set', () => {
  let stack: TinyStack;
  let env: NodeJS.ProcessEnv;

  beforeEach(async () => {
    stack = await createTinyStack();
    env = await embeddedEnvironment(stack);
    const file = join(stack.directory, 'compose.yaml');
    const compose = await readFile(file, 'utf8');
    await writeFile(
      file,
      compose
        .replace('secrets:\n  db_p', 'secrets:\n  mail: {file: ./keys/mail}\n  db_p')
        .replace('secrets: [db_password]\n    depends_on', 'secrets: [db_password, mail]\n    depends_on'),
    );
  });

  afterEach(async () => {
    expect(await disposeOf(stack, env)).toEqual([]);
  });

  const file = () => join(stack.directory, 'keys', 'mail');
  const run = (args: readonly string[], input?: string) =>
    invctl(['--engine', 'embedded', '--json', 'secrets', 'set', ...args], {
      cwd: stack.directory,
      env,
      ...(input === undefined ? {} : { input }),
    });

  test('writes what standard input has, without its last line feed; others cannot come near it', async () => {
    const { code, stdout, stderr } = await run(['mail'], `${MARKER} two\nlines\n`);
    expect(code).toBe(0);
    expect(schemaErrors('secrets-set', JSON.parse(stdout))).toEqual([]);
    expect(JSON.parse(stdout).data).toEqual({ secret: 'mail', file: file(), replaced: false, stale: [] });
    expect(await readFile(file(), 'utf8')).toBe(`${MARKER} two\nlines`);
    expect((await stat(file())).mode & 0o777).toBe(0o444);
    expect((await stat(join(stack.directory, 'keys'))).mode & 0o777).toBe(0o700);
    expect(stdout + stderr).not.toContain(MARKER);
  });

  test('asks before it replaces a value, and keeps it where nobody says yes', async () => {
    await run(['mail'], 'first');
    const refused = await run(['mail'], 'second');
    expect(refused.code).toBe(7);
    expect(await readFile(file(), 'utf8')).toBe('first');
    const replaced = await run(['mail', '--yes'], 'second');
    expect(JSON.parse(replaced.stdout).data).toMatchObject({ replaced: true });
    expect(await readFile(file(), 'utf8')).toBe('second');
  });

  test('on a terminal, what is typed is not shown', async () => {
    const terminal = invctlOnTerminal(['--engine', 'embedded', 'secrets', 'set', 'mail'], {
      cwd: stack.directory,
      env: { ...(env as Record<string, string>), CI: '' },
    });
    await terminal.waitFor('value of mail');
    terminal.type(`${MARKER}${ENTER}`);
    expect(await terminal.ended).toBe(0);
    expect(await readFile(file(), 'utf8')).toBe(MARKER);
    expect(terminal.screen()).not.toContain(MARKER);
  });

  test('the password of a database that has data is left to rotate', async () => {
    expect((await run(['db_password', '--yes'], 'before-the-first-start-1')).code).toBe(0);
    await invctl(['--engine', 'embedded', 'up', 'db'], { cwd: stack.directory, env });
    await invctl(['--engine', 'embedded', 'down'], { cwd: stack.directory, env });
    const { code, stdout } = await run(['db_password', '--yes'], 'after-the-first-start-22');
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'SECRET_GUARDS_DATA',
      hint: 'invctl secrets rotate db_password',
    });
    expect(code).toBe(1);
    const kept = await readFile(join(stack.directory, 'secrets', 'db_password.txt'), 'utf8');
    expect(kept).toBe('before-the-first-start-1');
  });

  test.each([
    ['an empty value', 'mail', '\n', 'SECRET_EMPTY', 1],
    ['an unknown name', 'male', 'x', 'UNKNOWN_SECRET', 2],
  ])('refuses %s', async (_case, name, input, error, exitCode) => {
    const { code, stdout } = await run([name], input);
    expect(JSON.parse(stdout).error.code).toBe(error);
    expect(code).toBe(exitCode);
    expect(existsSync(file())).toBe(false);
  });
});
