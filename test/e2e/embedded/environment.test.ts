import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { invctl } from '../../support/cli.js';
import { disposeOf, embeddedEnvironment } from '../../support/embedded.js';
import { schemaErrors } from '../../support/schema.js';
import { createTinyStack, type TinyStack } from '../../support/tiny-stack.js';

const MARKER = 'seeded-marker-77aa';

describe('env --live on the embedded engine', () => {
  let stack: TinyStack;
  let env: NodeJS.ProcessEnv;

  beforeEach(async () => {
    stack = await createTinyStack();
    env = await embeddedEnvironment(stack);
  });

  afterEach(async () => {
    expect(await disposeOf(stack, env)).toEqual([]);
  });

  const run = (args: readonly string[]) =>
    invctl(['--engine', 'embedded', ...args], { cwd: stack.directory, env });
  const compared = async () => {
    const { stdout, stderr } = await run(['env', 'explain', '--live', '--json']);
    expect(stdout + stderr).not.toContain(MARKER);
    const document = JSON.parse(stdout);
    expect(schemaErrors('env-explain', document)).toEqual([]);
    return Object.fromEntries(document.data.live.map((row: { service: string }) => [row.service, row]));
  };

  test('names what a process has otherwise, and the command that it names makes it right', async () => {
    await stack.configure({ API_TOKEN: `${MARKER}-1`, GONE: '1' });
    expect(await compared()).toMatchObject({ api: { compared: false, stale: [] } });
    expect((await run(['up'])).code).toBe(0);
    expect(await compared()).toMatchObject({
      api: { compared: true, stale: [] },
      // A server gets none of its service's variables: it read them when its data was made.
      db: { instance: expect.stringMatching(/^pid /), compared: false, stale: [] },
    });

    await stack.configure({ API_TOKEN: `${MARKER}-2`, LATE: '1' });
    const { api } = await compared();
    expect(api).toMatchObject({
      compared: true,
      stale: [
        { name: 'API_TOKEN', change: 'changed', value: '[redacted]' },
        { name: 'GONE', change: 'removed' },
        { name: 'LATE', change: 'added', value: null },
      ],
      next: 'invctl up api',
    });
    expect((await run(api.next.split(' ').slice(1))).code).toBe(0);
    expect(await compared()).toMatchObject({ api: { compared: true, stale: [] } });
  });
});
