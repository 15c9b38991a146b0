import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ExitCode, hasErrorCode, UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import type { ComposeProject, ComposeService } from '../../project/model.js';
import { readEnvironment } from '../../project/project-environment.js';
import { withProjectLock } from '../../system/lock.js';
import type { ProcessRunner } from '../../system/process.js';
import { STATE_FOLDER } from '../../system/state-folder.js';
import { makeStateFolder } from '../../system/state-root.js';
import type { EngineRun, TrialRun } from './run.js';
import type { VariableLookup } from './secrets.js';
import { StateStore, stateFolders } from './state.js';

export interface EmbeddedEngineDependencies {
  processes: ProcessRunner;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  warn(message: string): void;
  /** Folder of the client programs to use with every server; default: each server's own. */
  clientPrograms?: string;
  /** Replaces what the compose files and this machine would give. */
  trial?: TrialRun;
}

/** Data and functions that every operation of the engine shares. */
export interface EmbeddedContext extends EmbeddedEngineDependencies {
  resolve(location: ProjectLocation): Promise<ComposeProject>;
  /** @throws UserError UNKNOWN_SERVICE (exit 2) */
  service(location: ProjectLocation, name: string): Promise<ComposeService>;
  /** Opens the project's state for reading. */
  open(location: ProjectLocation): Promise<StateStore>;
  /**
   * Runs `change` with the lock of the project's name. The folder's lock is not enough, because another
   * folder may use the same name.
   */
  changing<T>(
    location: ProjectLocation,
    command: string,
    change: (store: StateStore) => Promise<T>,
  ): Promise<T>;
  engineRun(location: ProjectLocation, store: StateStore, also?: AbortSignal): Promise<EngineRun>;
  /** Looks up the variables of `secrets: {x: {environment: NAME}}`. */
  variables(location: ProjectLocation): VariableLookup;
}

export function createEmbeddedContext(dependencies: EmbeddedEngineDependencies): EmbeddedContext {
  const { processes, env, signal, warn, trial } = dependencies;
  const resolved = new Map<string, Promise<ComposeProject>>();
  const said = new Set<string>();

  /** What is begun after an interruption puts back what was interrupted, and is not ended by the same one. */
  function inForce(): AbortSignal {
    return signal.aborted ? new AbortController().signal : signal;
  }

  async function read(location: ProjectLocation): Promise<ComposeProject> {
    const { readProject } = await import('../../project/read.js');
    const { project, warnings } = await readProject(location, env);
    for (const warning of warnings) {
      if (!said.has(warning)) warn(warning);
      said.add(warning);
    }
    return project;
  }

  function resolve(location: ProjectLocation): Promise<ComposeProject> {
    if (trial) return Promise.resolve(trial.project);
    const key = location.files.join('\n');
    const known = resolved.get(key) ?? read(location);
    resolved.set(key, known);
    return known;
  }

  async function service(location: ProjectLocation, name: string): Promise<ComposeService> {
    const found = (await resolve(location)).services[name];
    if (found) return found;
    throw new UserError({
      code: 'UNKNOWN_SERVICE',
      message: `there is no service "${name}"`,
      exitCode: ExitCode.usage,
    });
  }

  async function changing<T>(
    location: ProjectLocation,
    command: string,
    change: (store: StateStore) => Promise<T>,
  ): Promise<T> {
    const { project } = stateFolders(location, env);
    await makeStateFolder(project, 'traversable');
    try {
      return await withProjectLock(
        { stateFolder: join(project, STATE_FOLDER) },
        { command: `invctl ${command}`, signal: inForce() },
        async () => change(await StateStore.open(location, env)),
      );
    } finally {
      // If there is no state of the project, its folder is removed too. A killed process leaves the folder
      // behind with its lock.
      for (const folder of [join(project, STATE_FOLDER), project]) {
        await rmdir(folder).catch((error) => {
          if (!hasErrorCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw error;
        });
      }
    }
  }

  function variables(location: ProjectLocation): VariableLookup {
    return readEnvironment(location.envFiles, env, () => {}).lookup;
  }

  async function engineRun(
    location: ProjectLocation,
    store: StateStore,
    also?: AbortSignal,
  ): Promise<EngineRun> {
    // Read again: the command that makes this change may have written the files that it is read from.
    resolved.delete(location.files.join('\n'));
    return {
      project: await resolve(location),
      store,
      processes,
      env,
      lookup: variables(location),
      signal: also ? AbortSignal.any([inForce(), also]) : inForce(),
      ...(trial ? { trial } : {}),
    };
  }

  return {
    ...dependencies,
    resolve,
    service,
    open: (location) => StateStore.open(location, env),
    changing,
    engineRun,
    variables,
  };
}

export function notRunningError(name: string): UserError {
  return new UserError({
    code: 'SERVICE_NOT_RUNNING',
    message: `the service "${name}" has no process`,
    hint: `invctl up ${name}`,
  });
}
