import type { Engine } from '../engine/engine.js';
import { selectEngine } from '../engine/select.js';
import { createOutput, type Output, type WorkedIn } from '../output/output.js';
import { createPrompts, type Prompts } from '../output/prompts.js';
import type { ChosenEnvironment } from '../project/environments.js';
import { locateProject, type ProjectLocation } from '../project/locate.js';
import type { ServiceContext } from '../services/context.js';
import type { Interruption } from '../system/interruption.js';
import type { ProcessRunner, ProcessRunnerOptions } from '../system/process.js';
import type { GlobalSettings } from './settings.js';

/** What a command gets: the world as services see it, and the ways to speak with the person. */
export interface Context extends ServiceContext {
  readonly settings: GlobalSettings;
  readonly output: Output;
  readonly prompts: Prompts;
}

/**
 * The only place that builds real dependencies.
 * @param environment everything works in it, and everything that speaks with the person names it
 */
export function createContext(
  settings: GlobalSettings,
  interruption: Interruption,
  environment?: ChosenEnvironment & Pick<WorkedIn, 'commands'>,
): Context {
  const { signal } = interruption;
  const env = environment ? { ...process.env, ...environment.variables } : process.env;
  const output = createOutput({
    stdout: process.stdout,
    stderr: process.stderr,
    env,
    json: settings.json,
    quiet: settings.quiet,
    noColor: settings.noColor,
    ...(environment ? { environment } : {}),
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
  const processes = lazyProcessRunner({
    env,
    handOver: interruption.handOver,
    ...(settings.verbose ? { trace: (argv: string) => output.trace(argv) } : {}),
  });
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
    warn: (message) => output.warn(message),
    project() {
      location ??= locateProject(settings.directory, env, environment);
      return location;
    },
    engine() {
      engine ??= openEngine();
      return engine;
    },
  };
  const openEngine = async () =>
    selectEngine(settings.engine, context.project(), {
      processes,
      env,
      signal,
      warn: context.warn,
      note: output.note,
    });
  return context;
}

/** Loaded when a program first runs: `ps` is on the clock, has its answer from the engine's socket, and runs none. */
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
