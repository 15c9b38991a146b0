import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ExitCode, UserError, usageError } from '../errors.js';
import type { ProjectLocation } from '../project/locate.js';
import { writeFileAtomic } from '../system/files.js';
import type { ProcessRunner } from '../system/process.js';
import { createComposeEngine } from './compose/engine.js';
import { answersOnSocket } from './compose/engine-socket.js';
import type { Engine, EngineKind } from './engine.js';

export interface EngineDependencies {
  processes: ProcessRunner;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  warn: (message: string) => void;
  note: (message: string) => void;
}

/**
 * Selects the engine for a project. With `auto`: the engine that it last ran on, because its data is there;
 * for a new project Docker if it answers, otherwise the embedded engine, with a notice.
 * @throws UserError with exit code 3 if the required engine does not answer.
 */
export async function selectEngine(
  choice: 'auto' | EngineKind,
  location: ProjectLocation,
  dependencies: EngineDependencies,
): Promise<Engine> {
  const { environment, host } = location;
  if (host || environment?.context !== undefined) {
    const lives = host
      ? `the project lives on ${host.remote?.address.host ?? 'another Docker engine'}`
      : `the environment "${environment?.name}" lives on the docker context ${environment?.context}`;
    if (choice === 'embedded') {
      throw usageError(
        `${lives}, and the embedded engine runs on this machine only`,
        'leave --engine and INVCTL_ENGINE away',
      );
    }
    await host?.remote?.connect();
    return createEngine('docker', dependencies);
  }
  if (choice !== 'auto') return createEngine(choice, dependencies);
  const last = await rememberedEngine(location);
  if (last) return createEngine(last, dependencies);
  const docker = await createEngine('docker', dependencies);
  if (await answersOnSocket(dependencies.env)) return docker;
  try {
    await docker.info();
    return docker;
  } catch (error) {
    if (!(error instanceof UserError) || error.exitCode !== ExitCode.engineUnavailable) throw error;
    dependencies.note(`${error.message.split('\n')[0]}; using the embedded engine`);
    return createEngine('embedded', dependencies);
  }
}

/** Creates an engine by its kind, whether or not it answers. */
export async function createEngine(
  kind: EngineKind,
  dependencies: Omit<EngineDependencies, 'note'>,
): Promise<Engine> {
  if (kind === 'docker') return createComposeEngine(dependencies);
  const { createEmbeddedEngine } = await import('./embedded/engine.js');
  return createEmbeddedEngine(dependencies);
}

/**
 * Records the engine that holds the project's data, so that `auto` never starts an empty database on the
 * other one. For Docker, only in projects that `init` made: the folder of other projects stays unchanged.
 */
export async function rememberEngine(location: ProjectLocation, kind: EngineKind): Promise<void> {
  const file = memoryFile(location);
  const ours = existsSync(join(location.directory, '.invctl', 'lock.json'));
  if ((kind === 'docker' && !ours) || (await rememberedEngine(location)) === kind) return;
  await mkdir(dirname(file), { recursive: true });
  await writeFileAtomic(file, `${kind}\n`);
}

/** Forgets the project's engine; called after its data was removed. */
export async function forgetEngine(location: ProjectLocation): Promise<void> {
  await rm(memoryFile(location), { force: true });
}

/** Returns the engine that the project last ran on. */
export async function rememberedEngine(location: ProjectLocation): Promise<EngineKind | undefined> {
  const text = await readFile(memoryFile(location), 'utf8').catch(() => '');
  const kind = text.trim();
  return kind === 'docker' || kind === 'embedded' ? kind : undefined;
}

function memoryFile(location: ProjectLocation): string {
  return join(location.stateFolder, 'engine');
}
