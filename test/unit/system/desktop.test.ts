import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { clipboardProgram, copyToClipboard, openInBrowser } from '../../../src/system/desktop.js';
import type { ProcessRunner, RunResult } from '../../../src/system/process.js';
import { Secret } from '../../../src/system/secret.js';
import { temporaryFolder } from '../../support/folder.js';

let folder: string;
const calls: { argv: string[]; input?: unknown }[] = [];

beforeEach(async () => {
  folder = await temporaryFolder();
  calls.length = 0;
});

function runner(status = 0): ProcessRunner {
  return {
    run: async (program, args, options = {}) => {
      calls.push({ argv: [program, ...args], input: options.input });
      return { argv: [], status, signal: null, stdout: '', stderr: '' } satisfies RunResult;
    },
    detach: async (program, args) => {
      calls.push({ argv: [program, ...args] });
      return 1;
    },
    lines: () => {
      throw new Error('not asked for');
    },
    passThrough: () => {
      throw new Error('not asked for');
    },
  };
}

async function install(...names: string[]): Promise<void> {
  for (const name of names) {
    await writeFile(join(folder, name), '');
    await chmod(join(folder, name), 0o755);
  }
}

const desktop = (env: NodeJS.ProcessEnv, status?: number) => ({
  processes: runner(status),
  env: { PATH: folder, ...env },
  platform: 'linux' as const,
});

it('gives the text to the clipboard of the display that there is, by standard input', async () => {
  await install('xclip', 'wl-copy');
  await copyToClipboard(desktop({ DISPLAY: ':0' }), new Secret('s3cret'));
  await copyToClipboard(desktop({ DISPLAY: ':0', WAYLAND_DISPLAY: 'w' }), new Secret('s3cret'));
  expect(calls).toEqual([
    { argv: ['xclip', '-selection', 'clipboard'], input: 's3cret' },
    { argv: ['wl-copy'], input: 's3cret' },
  ]);
});

it('says what is missing: the program, or over SSH the clipboard itself', async () => {
  await install('xclip');
  expect(() => clipboardProgram(desktop({ SSH_TTY: '/dev/pts/1' }))).toThrow(/over SSH/);
  expect(() => clipboardProgram(desktop({}))).toThrow(/no program here/);
  await chmod(join(folder, 'xclip'), 0o644);
  if (process.getuid?.() !== 0)
    expect(() => clipboardProgram(desktop({ DISPLAY: ':0' }))).toThrow(/no program/);
});

it('tells of a clipboard that does not take the text, without the text', async () => {
  await install('xsel');
  const failed = copyToClipboard(desktop({ DISPLAY: ':0' }, 1), new Secret('s3cret'));
  await expect(failed).rejects.toMatchObject({
    code: 'CLIPBOARD_FAILED',
    message: expect.not.stringContaining('s3cret'),
  });
});

it('opens a URL with $BROWSER before the usual program, and with none where nobody could see it', async () => {
  await install('xdg-open', 'mine');
  expect(await openInBrowser(desktop({ DISPLAY: ':0', BROWSER: 'absent:mine' }), 'http://x')).toBe(true);
  expect(await openInBrowser(desktop({ DISPLAY: ':0' }), 'http://x')).toBe(true);
  expect(await openInBrowser(desktop({}), 'http://x')).toBe(false);
  expect(calls.map(({ argv }) => argv)).toEqual([
    ['mine', 'http://x'],
    ['xdg-open', 'http://x'],
  ]);
});
