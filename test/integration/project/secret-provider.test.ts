import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/errors.js';
import { askProvider } from '../../../src/project/secret-provider.js';
import { createProcessRunner } from '../../../src/system/process.js';
import { processesNaming } from '../../support/leaks.js';

const MARKER = 'seeded-marker-e41b';

describe('the provider of a secret', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await realpath(await mkdtemp(join(tmpdir(), 'provider-')));
  });
  afterAll(() => rm(directory, { recursive: true }));

  const processes = createProcessRunner({ env: { ...process.env, MARKER } });
  const ask = (command: [string, ...string[]], timeoutMs = 20_000) =>
    askProvider(
      'db_password',
      { command },
      { processes, directory, signal: new AbortController().signal, timeoutMs },
    );
  const failure = async (...args: Parameters<typeof ask>) => {
    const error = await ask(...args).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UserError);
    const { code, message, hint } = error as UserError;
    for (const text of [message, hint]) expect(text).not.toContain(MARKER);
    return { code, message };
  };

  it.each([
    ['as it is', 'printf', '%s', 'a b'],
    ['without one final newline', 'printf', '%s\\n', 'a b'],
    ['without one CR LF', 'printf', '%s\\r\\n', 'a b'],
  ])('gives what its command prints, %s', async (_case, ...command) => {
    expect((await ask(command as [string, ...string[]])).reveal()).toBe('a b');
  });

  it('takes off one newline, no more', async () => {
    expect((await ask(['printf', 'a\\nb\\n\\n'])).reveal()).toBe('a\nb\n');
  });

  it('is run without a shell, in the folder of the project, with nothing on standard input', async () => {
    expect((await ask(['echo', '$HOME `id`; *'])).reveal()).toBe('$HOME `id`; *');
    expect((await ask(['pwd', '-P'])).reveal()).toBe(directory);
    expect((await ask(['sh', '-c', 'cat; echo done'])).reveal()).toBe('done');
  });

  it.each([
    ['prints nothing', 'true', 'PROVIDER_EMPTY', 'printed nothing'],
    ['prints spaces', 'echo "  "', 'PROVIDER_EMPTY', 'printed nothing'],
    ['fails after it printed', 'echo $MARKER; echo no >&2; exit 3', 'PROVIDER_FAILED', 'with status 3:\nno'],
    ['is killed', 'echo $MARKER; kill -9 $$', 'PROVIDER_FAILED', 'ended by SIGKILL'],
    ['prints a BOM', 'printf "\\357\\273\\277$MARKER"', 'PROVIDER_UNSOUND', 'byte order mark'],
    ['prints a CR', 'printf "$MARKER\\rx"', 'PROVIDER_UNSOUND', 'carriage return'],
    ['prints spaces around it', 'printf " $MARKER"', 'PROVIDER_UNSOUND', 'spaces'],
    ['prints no text', 'printf "$MARKER\\377"', 'PROVIDER_UNSOUND', 'not UTF-8 text'],
  ])('that %s gives nothing', async (_case, script, code, words) => {
    expect(await failure(['sh', '-c', script])).toEqual({ code, message: expect.stringContaining(words) });
  });

  it('that is not there gives nothing', async () => {
    const { code, message } = await failure(['no-such-program-here']);
    expect(code).toBe('PROVIDER_FAILED');
    expect(message).toContain('`no-such-program-here` was not found');
  });

  it('that does not end is ended, with all that it started', async () => {
    const script = `sh -c 'cd ${directory}; sleep 600; echo ${directory}' & echo $MARKER; trap "" TERM; wait; sleep 600`;
    const { code, message } = await failure(['sh', '-c', script], 200);
    expect(code).toBe('PROVIDER_TIMEOUT');
    expect(message).toContain('did not answer within 0.2 s');
    expect(processesNaming(directory)).toEqual([]);
  });
});
