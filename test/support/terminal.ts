import { stripVTControlCharacters } from 'node:util';
import { spawn } from '@lydell/node-pty';
import { bin, scriptEnvironment } from './cli.js';

export interface Terminal {
  /** All that was printed so far, without colour and cursor codes. */
  screen(): string;
  /** Resolves when the text has been printed after what was awaited before. @throws when the program ends first. */
  waitFor(text: string): Promise<void>;
  type(keys: string): void;
  /** Exit code. */
  readonly ended: Promise<number>;
}

export const CTRL_C = '\x03';
export const ENTER = '\r';

/** Runs the built CLI on a pseudo-terminal, as a person would. `CI` is unset unless given. */
export function invctlOnTerminal(
  args: readonly string[],
  options: { cwd: string; env?: Record<string, string> },
): Terminal {
  const env = { ...scriptEnvironment({ CI: undefined }), TERM: 'xterm-256color', ...options.env };
  const pty = spawn(process.execPath, [bin, ...args], {
    cwd: options.cwd,
    env,
    cols: 120,
    rows: 40,
  });
  let raw = '';
  let seen = 0;
  let over = false;
  const watchers = new Set<() => void>();
  const notify = () => {
    for (const watcher of watchers) watcher();
  };
  pty.onData((data) => {
    raw += data;
    notify();
  });
  const screen = () => stripVTControlCharacters(raw);
  const ended = new Promise<number>((resolve) => {
    pty.onExit(({ exitCode }) => {
      over = true;
      notify();
      resolve(exitCode);
    });
  });
  return {
    screen,
    ended,
    type: (keys) => pty.write(keys),
    waitFor: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const at = screen().indexOf(text, seen);
          if (at >= 0) {
            seen = at + text.length;
            watchers.delete(look);
            resolve();
          } else if (over) {
            watchers.delete(look);
            reject(new Error(`the program ended without printing "${text}":\n${screen()}`));
          }
        };
        watchers.add(look);
        look();
      }),
  };
}
