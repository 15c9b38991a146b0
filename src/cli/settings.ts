import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { usageError } from '../errors.js';
import { SETTINGS_FILE } from '../project/settings-path.js';
import { choice, type Flags, flag, text, type ValuesOf } from './parameters.js';

const ENGINE_CHOICES = ['auto', 'docker', 'embedded'] as const;
export type EngineChoice = (typeof ENGINE_CHOICES)[number];

/** The global options, resolved from flag, environment, `invctl.yaml` and default. */
export interface GlobalSettings {
  /** Absolute. */
  directory: string;
  engine: EngineChoice;
  /** Name of an environment of the project. */
  environment?: string;
  /** The engine of another machine: its address, or its docker context. At most one of them. */
  host?: string;
  context?: string;
  /** `invctl.yaml` declares environments, whether one was chosen or not. */
  hasEnvironments: boolean;
  json: boolean;
  yes: boolean;
  noInput: boolean;
  quiet: boolean;
  verbose: boolean;
  noColor: boolean;
}

/** The global options, before or after the command. Each has an `INVCTL_*` variable. */
export const GLOBAL_FLAGS = {
  directory: text('dir', 'project folder (INVCTL_DIRECTORY)', { short: 'C', offers: 'folders' }),
  engine: choice('engine', ENGINE_CHOICES, 'auto, docker or embedded (INVCTL_ENGINE)'),
  environment: text('name', 'an environment that invctl.yaml declares (INVCTL_ENVIRONMENT)', {
    offers: 'environments',
  }),
  host: text('address', 'the engine of that machine, as ssh://user@host[:port] (INVCTL_HOST)'),
  context: text('name', 'the engine of a docker context (INVCTL_CONTEXT)', {
    offers: async () => (await import('../engine/docker-contexts.js')).contextNames(process.env),
  }),
  json: flag('one JSON document on stdout (INVCTL_JSON)'),
  yes: flag('answer ordinary questions with yes (INVCTL_YES)', { short: 'y' }),
  noInput: flag('never ask (INVCTL_NO_INPUT)'),
  quiet: flag('no progress and no notes (INVCTL_QUIET)', { short: 'q' }),
  verbose: flag('print each program that runs (INVCTL_VERBOSE)', { short: 'v' }),
  noColor: flag('no colour (INVCTL_NO_COLOR, NO_COLOR)'),
} satisfies Flags;

export type GlobalFlags = Partial<ValuesOf<typeof GLOBAL_FLAGS>>;

/**
 * @param format for commands that have such a flag: `--format json` is `--json`
 * @throws UserError USAGE (exit 2) for a value that is not allowed.
 */
export async function resolveSettings(
  flags: GlobalFlags,
  env: NodeJS.ProcessEnv,
  cwd: string,
  format?: unknown,
): Promise<GlobalSettings> {
  const directory = resolve(cwd, flags.directory ?? (env.INVCTL_DIRECTORY || '.'));
  const fromFile = await projectSettings(directory);
  const engine = flags.engine ?? (env.INVCTL_ENGINE || fromFile.engine || 'auto');
  const environment = flags.environment ?? (env.INVCTL_ENVIRONMENT || undefined);
  if (environment === '') throw usageError('--environment "" is not a name', '--environment production');
  const place = engineChosen(flags, env);
  if (!isEngineChoice(engine)) {
    throw usageError(`unknown engine "${engine}"`, `--engine ${ENGINE_CHOICES.join('|')}`);
  }
  return {
    directory,
    engine,
    ...(environment === undefined ? {} : { environment }),
    ...place,
    hasEnvironments: fromFile.hasEnvironments,
    json: flags.json || format === 'json' || isTruthy('INVCTL_JSON', env),
    yes: flags.yes || isTruthy('INVCTL_YES', env),
    noInput: flags.noInput || isTruthy('INVCTL_NO_INPUT', env),
    quiet: flags.quiet || isTruthy('INVCTL_QUIET', env),
    verbose: flags.verbose || isTruthy('INVCTL_VERBOSE', env),
    noColor: flags.noColor || isTruthy('INVCTL_NO_COLOR', env),
  };
}

/** A flag takes precedence over both variables. @throws UserError USAGE when both are set */
function engineChosen(flags: GlobalFlags, env: NodeJS.ProcessEnv): Pick<GlobalSettings, 'host' | 'context'> {
  const typed = flags.host !== undefined || flags.context !== undefined;
  const host = typed ? flags.host : env.INVCTL_HOST || undefined;
  const context = typed ? flags.context : env.INVCTL_CONTEXT || undefined;
  if (host !== undefined && context !== undefined) {
    throw usageError(
      `${typed ? '--host and --context' : 'INVCTL_HOST and INVCTL_CONTEXT'} both say which engine is meant`,
      'leave one of them away',
    );
  }
  if (context === '') throw usageError('--context "" is not a name', 'docker context ls');
  return { ...(host === undefined ? {} : { host }), ...(context === undefined ? {} : { context }) };
}

/** @throws UserError USAGE for a value that is neither yes nor no. */
export function isTruthy(name: string, env: NodeJS.ProcessEnv): boolean {
  const value = env[name];
  if (value === undefined || /^(0|false|no|)$/i.test(value)) return false;
  if (/^(1|true|yes)$/i.test(value)) return true;
  throw usageError(`${name}="${value}" is neither yes nor no`, `${name}=1 or ${name}=0`);
}

function isEngineChoice(value: string): value is EngineChoice {
  return (ENGINE_CHOICES as readonly string[]).includes(value);
}

interface ProjectSettings {
  engine?: string;
  hasEnvironments: boolean;
}

/** The settings in `invctl.yaml` that the command line needs, without validating the whole file. */
async function projectSettings(directory: string): Promise<ProjectSettings> {
  const file = join(directory, SETTINGS_FILE);
  if (!existsSync(file)) return { hasEnvironments: false };
  const { parseSettings } = await import('../project/settings-document.js');
  const value = parseSettings(readFileSync(file, 'utf8'), file).value;
  const { engine, environments } = (value ?? {}) as { engine?: unknown; environments?: unknown };
  return {
    ...(typeof engine === 'string' ? { engine } : {}),
    hasEnvironments: Boolean(environments),
  };
}
