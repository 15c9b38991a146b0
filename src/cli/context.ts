import type { Engine } from '../engine/engine.js';
import { selectEngine } from '../engine/select.js';
import { createOutput, type Output } from '../output/output.js';
import { createPrompts, type Prompts } from '../output/prompts.js';
import type { ChosenEnvironment } from '../project/environments.js';
import { type LocatedHost, locateProject, type ProjectLocation } from '../project/locate.js';
import type { ServiceContext } from '../services/context.js';
import type { Interruption } from '../system/interruption.js';
import type { ProcessRunner, ProcessRunnerOptions } from '../system/process.js';
import type { RemoteHost } from '../system/ssh/remote-host.js';
import type { EnginePlace } from './engine-place.js';
import type { GlobalSettings } from './settings.js';

/** What a command gets: the context of services, and the ways to talk to the person. */
export interface Context extends ServiceContext {
  readonly settings: GlobalSettings;
  readonly output: Output;
  readonly prompts: Prompts;
  /** Closes the connection to another machine, if there is one. */
  close(): Promise<void>;
}

/** The environment and the engine that a command works with. */
export interface Place {
  /** The chosen environment; output and prompts name it. */
  environment?: ChosenEnvironment | undefined;
  engine?: EnginePlace | undefined;
  /** True: the command is about the database that is deployed. */
  deployed?: boolean;
  /** Names of the commands that work with such a place. */
  commands: readonly string[];
}

/** The only place that builds real dependencies. */
export async function createContext(
  settings: GlobalSettings,
  interruption: Interruption,
  { environment, engine: place, deployed = false, commands }: Place,
): Promise<Context> {
  const { signal } = interruption;
  const env = { ...process.env, ...environment?.variables, ...place?.variables };
  const flags = [
    ...(environment ? [`--environment ${environment.name}`] : []),
    ...(place?.flags ? [place.flags] : []),
  ];
  const worksIn = {
    ...(environment ? { name: environment.name } : {}),
    ...(place?.address ? { host: place.address.url } : {}),
    flags: flags.join(' '),
    deployed,
    commands,
  };
  const output = createOutput({
    stdout: process.stdout,
    stderr: process.stderr,
    env,
    json: settings.json,
    quiet: settings.quiet,
    noColor: settings.noColor,
    ...(environment || place || deployed ? { worksIn } : {}),
  });
  const prompts = createPrompts({
    stdin: process.stdin,
    stderr: process.stderr,
    env,
    yes: settings.yes,
    noInput: settings.noInput,
    signal,
    ...(environment ? { environment } : {}),
  });
  const ownProcesses = lazyProcessRunner({
    env,
    handOver: interruption.handOver,
    ...(settings.verbose ? { trace: (argv: string) => output.trace(argv) } : {}),
  });
  const { remote, processes } = await reach(place, ownProcesses, {
    env,
    signal,
    asks: asksOnTerminal(settings, env),
  });
  const host: LocatedHost | undefined =
    remote || place?.stateName !== undefined
      ? {
          ...(remote ? { remote } : {}),
          ...(place?.stateName === undefined ? {} : { stateName: place.stateName }),
        }
      : undefined;
  if (remote) env.DOCKER_HOST = `unix://${remote.socket}`;
  let location: ProjectLocation | undefined;
  let engine: Promise<Engine> | undefined;
  const context: Context = {
    settings,
    output,
    prompts,
    directory: settings.directory,
    env,
    processes,
    signal,
    ...(environment ? { environment } : {}),
    ...(host ? { host } : {}),
    warn: (message) => output.warn(message),
    project() {
      location ??= locateProject(settings.directory, env, environment, host);
      return location;
    },
    engine() {
      engine ??= openEngine();
      return engine;
    },
    close: async () => remote?.close(),
  };
  const openEngine = async () =>
    // Whoever names a Docker engine means Docker, whether it answers or not.
    selectEngine(place?.flags === undefined ? settings.engine : 'docker', context.project(), {
      processes,
      env,
      signal,
      warn: context.warn,
      note: output.note,
    });
  return context;
}

/** Connects to the other machine, and makes a runner whose programs use the connection. */
async function reach(
  place: EnginePlace | undefined,
  processes: ProcessRunner,
  { asks, ...world }: { env: NodeJS.ProcessEnv; signal: AbortSignal; asks: boolean },
): Promise<{ remote?: RemoteHost; processes: ProcessRunner }> {
  if (!place?.address) return { processes };
  const { createRemoteHost, throughHost } = await import('../system/ssh/remote-host.js');
  const remote = createRemoteHost(place.address, { processes, ...world, interactive: asks });
  return { remote, processes: throughHost(processes, remote) };
}

function asksOnTerminal({ noInput }: GlobalSettings, env: NodeJS.ProcessEnv): boolean {
  return Boolean(process.stdin.isTTY && process.stderr.isTTY) && !env.CI && !noInput;
}

/**
 * Loads the runner when a program first runs: `ps` has to be fast, asks the engine's socket, and runs no
 * program.
 */
function lazyProcessRunner(options: ProcessRunnerOptions): ProcessRunner {
  let loaded: Promise<ProcessRunner> | undefined;
  const runner = () => {
    loaded ??= import('../system/process.js').then(({ createProcessRunner }) => createProcessRunner(options));
    return loaded;
  };
  return {
    run: async (...call) => (await runner()).run(...call),
    async *lines(...call) {
      yield* (await runner()).lines(...call);
    },
    passThrough: async (...call) => (await runner()).passThrough(...call),
    detach: async (...call) => (await runner()).detach(...call),
  };
}
