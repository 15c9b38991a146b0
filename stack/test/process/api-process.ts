import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PACKAGE = fileURLToPath(new URL('../../', import.meta.url));

/** The API as it runs in service: a process of its own, made by the build. */
export interface ApiProcess {
  readonly child: ChildProcess;
  /** The lines of its log so far. */
  readonly log: readonly Record<string, unknown>[];
  /** Resolves to the base URL once the process listens; rejects if it ends before. */
  readonly url: Promise<string>;
  /** Resolves to the exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>;
}

export function startProcess(env: Record<string, string>, cwd: string = PACKAGE): ApiProcess {
  const child = spawn(process.execPath, [`${PACKAGE}dist/main.js`], {
    cwd,
    env: {
      PATH: process.env.PATH,
      HOST: '127.0.0.1',
      PORT: '0',
      INVENTORY_CSV_FILEPATH: '/nonexistent',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const log: Record<string, unknown>[] = [];
  const exited = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
  let rest = '';
  const url = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const entry = JSON.parse(line);
        log.push(entry);
        const [, address] = /^Server listening at (.+)$/.exec(entry.msg) ?? [];
        if (address) resolve(address);
      }
    });
    void exited.then((code) => reject(new Error(`the API ended with ${code}: ${JSON.stringify(log)}`)));
  });
  url.catch(() => {});
  return { child, log, url, exited };
}
