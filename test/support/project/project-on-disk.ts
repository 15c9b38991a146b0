import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { scriptEnvironment } from '../cli.js';

/** Writes files into a new temporary folder, gives its path to `use`, and removes it whatever happens. */
export async function withProject<T>(
  files: Record<string, string>,
  use: (directory: string) => T | Promise<T>,
): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), 'project-'));
  const directory = join(root, 'shop');
  try {
    mkdirSync(directory);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), text);
    }
    return await use(directory);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** The environment of a shell that has nothing of ours but what a program needs, and `extra`. */
export function bareShell(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  const { PATH, HOME, DOCKER_HOST } = scriptEnvironment();
  return {
    ...(PATH === undefined ? {} : { PATH }),
    ...(HOME === undefined ? {} : { HOME }),
    ...(DOCKER_HOST === undefined ? {} : { DOCKER_HOST }),
    ...extra,
  };
}

export type EngineVerdict =
  | { accepts: true; config: unknown; stderr: string }
  | { accepts: false; stderr: string };

/** What `docker compose config` makes of the project of a folder. */
export function composeConfig(
  directory: string,
  env: NodeJS.ProcessEnv,
  args: readonly string[] = ['compose', 'config', '--format', 'json'],
): EngineVerdict {
  const result = spawnSync('docker', args, {
    cwd: directory,
    env,
    encoding: 'utf8',
  });
  if (result.error) throw result.error;
  if (result.status !== 0) return { accepts: false, stderr: result.stderr };
  return { accepts: true, config: JSON.parse(result.stdout), stderr: result.stderr };
}
