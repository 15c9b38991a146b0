import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { invctl } from '../../../support/cli.js';
import { disposeOf, embeddedEnvironment } from '../../../support/embedded.js';
import { schemaErrors } from '../../../support/schema.js';
import { createTinyStack, type TinyStack } from '../../../support/tiny-stack.js';

const MARKER = 'seeded-marker-c07d';

describe('secrets check', () => {
  let stack: TinyStack;
  let env: NodeJS.ProcessEnv;

  beforeEach(async () => {
    stack = await createTinyStack();
    env = await embeddedEnvironment(stack);
    await chmod(join(stack.directory, 'secrets'), 0o700);
  });

  afterEach(async () => {
    expect(await disposeOf(stack, env)).toEqual([]);
  });

  const check = async () => {
    const { code, stdout, stderr } = await invctl(['--engine', 'embedded', '--json', 'secrets', 'check'], {
      cwd: stack.directory,
      env,
    });
    expect(stdout + stderr).not.toContain(MARKER);
    const document = JSON.parse(stdout);
    expect(schemaErrors('secrets-check', document)).toEqual([]);
    const found = document.data.checks.filter(({ findings }: { findings: unknown[] }) => findings.length > 0);
    return { code, found: found.map(({ id }: { id: string }) => id) };
  };

  test('finds nothing in a sound project', async () => {
    expect(await check()).toEqual({ code: 0, found: [] });
  });

  test.each([
    ['bytes that readers take differently', `\uFEFF${MARKER}-and-more`, {}, ['secret.bytes'], 5],
    ['a short value, as a warning', 'Xk3-9q', {}, ['secret.weak'], 0],
    ['nothing at all', '\n', {}, ['secret.empty'], 5],
    [
      'an app that looks elsewhere',
      `${MARKER}-${MARKER}`,
      { SECRETS_DIR: '/secrets' },
      ['secret.app-path'],
      5,
    ],
  ])('finds %s, and does not show the value', async (_case, value, environment, ids, code) => {
    await stack.writeSecret(value);
    await stack.configure(environment as Record<string, string>);
    expect(await check()).toEqual({ code, found: ids });
  });
});
