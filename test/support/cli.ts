import { type ChildProcess, spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('../..', import.meta.url));
export const bin = `${repository}bin/invctl.js`;

/** Whether a user who is not root could run the CLI from here: a clone below a 0700 home is out of reach. */
export function othersReachTheCli(): boolean {
  for (let folder = dirname(bin); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (dirname(folder) === folder) return true;
  }
}

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  cwd: string;
  env?: Record<string, string | undefined>;
  /** Program in place of the built CLI's, with its own leading arguments. */
  command?: readonly string[];
  onSpawn?: (child: ChildProcess) => void;
  uid?: number;
  input?: string;
}

/** The environment of a script: ours without what would change the CLI's behaviour. */
export function scriptEnvironment(extra: Record<string, string | undefined> = {}): NodeJS.ProcessEnv {
  const env: Record<string, string | undefined> = { ...process.env, ...extra };
  for (const name of Object.keys(env)) {
    if (!(name in extra) && /^(INVCTL_|COMPOSE_|FORCE_COLOR|NO_COLOR|VITEST|NODE_OPTIONS)/.test(name))
      delete env[name];
  }
  return Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined),
  ) as NodeJS.ProcessEnv;
}

/** Runs the built CLI as a script would: pipes, no terminal. */
export async function invctl(args: readonly string[], options: CliOptions): Promise<CliResult> {
  const [program = process.execPath, ...leading] = options.command ?? [process.execPath, bin];
  const child = spawn(program, [...leading, ...args], {
    cwd: options.cwd,
    env: scriptEnvironment(options.env),
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  options.onSpawn?.(child);
  if (options.input !== undefined) child.stdin?.end(options.input);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}
