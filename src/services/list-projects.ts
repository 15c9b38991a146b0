import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineKind } from '../engine/engine.js';
import { selectEngine } from '../engine/select.js';
import type { ServiceStatus } from '../engine/service-status.js';
import { UserError } from '../errors.js';
import type { ProjectLocation } from '../project/locate.js';
import { STATE_FOLDER } from '../system/state-folder.js';
import type { ServiceContext } from './context.js';
import { forgetProject, type KnownProject, knownProjects } from './known-projects.js';

/** How many projects are queried at a time. */
const AT_ONCE = 4;

export interface ListedProject {
  name: string;
  directory: string;
  /** False: the folder or its compose files are gone. */
  present: boolean;
  engine: EngineKind;
  /** `unknown`: the engine does not answer, or does not know the project. */
  state: 'running' | 'partly' | 'stopped' | 'unknown';
  /** Why the state is unknown. */
  reason?: string;
  services: ServiceStatus[];
  /** Size of its volumes on disk, if the engine can tell. */
  bytes?: number;
  /** ISO time of the last `up`. */
  lastUp: string;
  /** Its folder is gone, and it has no data and nothing that runs: it will not be listed again. */
  forgotten: boolean;
}

/** Every project that invctl has started on this machine for this user, whether it still exists or not. */
export async function listProjects(context: ServiceContext): Promise<ListedProject[]> {
  const waiting = (await knownProjects(context.env)).entries();
  const rows: ListedProject[] = [];
  const worker = async () => {
    for (const [index, project] of waiting) rows[index] = await describe(context, project);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return rows;
}

async function describe(context: ServiceContext, project: KnownProject): Promise<ListedProject> {
  const { name, directory, engine, lastUp } = project;
  const present = project.files.every((file) => existsSync(file));
  const row = { name, directory, present, engine, lastUp, forgotten: false };
  try {
    const { services, bytes, volumes } = await ask(context, project);
    const forgotten = !present && services.length === 0 && volumes === 0;
    if (forgotten) await forgetProject(project, context.env);
    return {
      ...row,
      services,
      state: stateOf(services),
      forgotten,
      ...(bytes === undefined ? {} : { bytes }),
    };
  } catch (error) {
    context.signal.throwIfAborted();
    const reason = error instanceof UserError ? (error.message.split('\n')[0] as string) : String(error);
    return { ...row, services: [], state: 'unknown', reason };
  }
}

async function ask(
  context: ServiceContext,
  { name, directory, files, engine: kind }: KnownProject,
): Promise<{ services: ServiceStatus[]; volumes: number; bytes?: number }> {
  const location: ProjectLocation = {
    name,
    directory,
    files,
    explicitFiles: true,
    envFiles: [],
    stateFolder: join(directory, STATE_FOLDER),
  };
  const engine = await selectEngine(kind, location, {
    processes: context.processes,
    env: context.env,
    signal: context.signal,
    warn: () => {},
    note: () => {},
  });
  const [services, volumes] = await Promise.all([engine.status(location), engine.volumes(location)]);
  const sizes = volumes.flatMap(({ bytes }) => bytes ?? []);
  return {
    services,
    volumes: volumes.length,
    ...(sizes.length === 0 ? {} : { bytes: sizes.reduce((sum, size) => sum + size, 0) }),
  };
}

function stateOf(services: readonly ServiceStatus[]): ListedProject['state'] {
  const running = services.filter(({ state }) => state === 'running').length;
  if (running === 0) return 'stopped';
  return running === services.length ? 'running' : 'partly';
}
