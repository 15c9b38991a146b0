import { accessSync, constants, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { UserError } from '../errors.js';
import type { ProcessRunner } from './process.js';
import type { Secret } from './secret.js';

/** Time limit for a clipboard to accept a text, in milliseconds. */
const CLIPBOARD_MS = 10_000;

/** The facts that decide which programs are available. */
export interface Desktop {
  processes: ProcessRunner;
  env: NodeJS.ProcessEnv;
  platform?: NodeJS.Platform;
}

interface Program {
  name: string;
  args: string[];
  /** Variable without which the program cannot reach the display server. */
  needs?: 'WAYLAND_DISPLAY' | 'DISPLAY';
}

const CLIPBOARDS: readonly Program[] = [
  { name: 'wl-copy', args: [], needs: 'WAYLAND_DISPLAY' },
  { name: 'xclip', args: ['-selection', 'clipboard'], needs: 'DISPLAY' },
  { name: 'xsel', args: ['--clipboard', '--input'], needs: 'DISPLAY' },
  { name: 'pbcopy', args: [] },
  // Windows, and Linux inside Windows (WSL).
  { name: 'clip.exe', args: [] },
];

const BROWSERS: readonly Program[] = [
  { name: 'wslview', args: [] },
  { name: 'xdg-open', args: [], needs: 'WAYLAND_DISPLAY' },
  { name: 'xdg-open', args: [], needs: 'DISPLAY' },
];

/**
 * Puts a text into the clipboard through the program's standard input, because every user can read its
 * arguments.
 * @returns the program's name.
 * @throws UserError NO_CLIPBOARD, or CLIPBOARD_FAILED with the program's message.
 */
export async function copyToClipboard(desktop: Desktop, text: Secret): Promise<string> {
  const program = clipboardProgram(desktop);
  const result = await desktop.processes.run(program.name, program.args, {
    input: text.reveal(),
    // The programs of X and Wayland leave a process behind that serves the text and keeps its open pipes.
    ignoreOutput: true,
    allowFailure: true,
    timeoutMs: CLIPBOARD_MS,
  });
  if (result.status === 0) return program.name;
  throw new UserError({
    code: 'CLIPBOARD_FAILED',
    message: `\`${program.name}\` did not take the text (exit status ${result.status})`,
    hint: `echo test | ${[program.name, ...program.args].join(' ')}      (shows what it says)`,
  });
}

/** @throws UserError NO_CLIPBOARD; call it before the work begins. */
export function clipboardProgram({ env, platform = process.platform }: Desktop): Program {
  const found = firstUsable(CLIPBOARDS, env);
  if (found) return found;
  const overSsh = env.SSH_CONNECTION !== undefined || env.SSH_TTY !== undefined;
  throw new UserError({
    code: 'NO_CLIPBOARD',
    message: overSsh
      ? 'there is no clipboard here: this is a session over SSH, and the clipboard is at its other end'
      : 'there is no program here that writes to a clipboard',
    hint: overSsh
      ? 'the same command without --copy shows the address, and where the password lies'
      : `install ${platform === 'linux' ? 'wl-clipboard (Wayland) or xclip (X11)' : 'one'}, or leave --copy away: the address is shown, and where the password lies`,
  });
}

/**
 * Opens a URL in the user's browser and does not wait for it.
 * @returns false if no program here can do that.
 */
export async function openInBrowser(desktop: Desktop, url: string): Promise<boolean> {
  const program = browserProgram(desktop);
  if (!program) return false;
  const nowhere = await open('/dev/null', 'a');
  try {
    await desktop.processes.detach(program.name, [...program.args, url], {
      env: withoutUndefined(desktop.env),
      outputFd: nowhere.fd,
    });
  } finally {
    await nowhere.close();
  }
  return true;
}

function browserProgram({ env, platform = process.platform }: Desktop): Program | undefined {
  // https://man7.org/linux/man-pages/man1/xdg-open.1.html: a list, of which the first existing one is used
  const own = (env.BROWSER ?? '').split(delimiter).filter((name) => name !== '' && !/\s|%/.test(name));
  const chosen = own.map((name) => ({ name, args: [] })).find(({ name }) => isProgram(name, env));
  if (chosen) return chosen;
  if (platform === 'darwin') return { name: 'open', args: [] };
  return firstUsable(BROWSERS, env);
}

function firstUsable(programs: readonly Program[], env: NodeJS.ProcessEnv): Program | undefined {
  return programs.find(({ name, needs }) => (needs === undefined || env[needs]) && isProgram(name, env));
}

function isProgram(name: string, env: NodeJS.ProcessEnv): boolean {
  const folders = name.includes('/') ? [''] : (env.PATH ?? '').split(delimiter).filter(Boolean);
  return folders.some((folder) => {
    const path = folder === '' ? name : join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return statSync(path).isFile();
    } catch {
      return false;
    }
  });
}

function withoutUndefined(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
