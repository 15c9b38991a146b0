import { CommanderError } from 'commander';
import { ExitCode, hasErrorCode, UserError } from '../errors.js';
import { createOutput } from '../output/output.js';
import type { ChosenEnvironment } from '../project/environments.js';
import { explainDeployed, otherDatabase, type TypedCommand } from '../services/deploy/deployed-elsewhere.js';
import { watchSignals } from '../system/interruption.js';
import { redact } from '../system/secret.js';
import { COMMANDS } from './commands.js';
import { type Context, createContext, type Place } from './context.js';
import { createProgram, type Execute, helpOf, typedWords } from './program.js';
import { type GlobalSettings, isTruthy, resolveSettings } from './settings.js';
import { sourceStack } from './stack-trace.js';

/**
 * Parses the command line, runs the command and reports. Never throws.
 * @returns the exit code of the process.
 */
export async function runProgram(argv: readonly string[], version: string): Promise<number> {
  const interruption = watchSignals();
  endQuietlyOnClosedPipe();
  let running = typedWords(argv)[0] ?? '';
  let context: Context | undefined;
  let here: TypedCommand | undefined;
  let exitCode: number = ExitCode.ok;

  const execute: Execute = async (command, { name, globals, args, flags }) => {
    running = name;
    const settings = await resolveSettings(globals, process.env, process.cwd(), flags.format);
    const deployed = flags.deployed === true;
    const place = await placeFor(running, settings);
    context = await createContext(settings, interruption, { ...place, deployed });
    if (!deployed && flags.swarm !== true) {
      here = { name, takesDeployed: 'deployed' in (command.flags ?? {}) };
      const other = await otherDatabase(context, here);
      if (other !== undefined) context.output.note(`note: ${other}`);
    }
    const report = await command.run(context, {
      args,
      flags,
      all: COMMANDS,
      help: (words) => helpOf(words, version),
    });
    if (report.data !== undefined) context.output.succeed(running, report.data);
    if (report.text) context.output.print(report.text);
    exitCode = report.interrupted ? interruption.exitCode() : (report.exitCode ?? ExitCode.ok);
  };

  try {
    const program = await createProgram(argv, version, execute);
    await program.parseAsync(argv as string[], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (interruption.signal.aborted && isInterruption(error)) {
      context?.output.note('');
      context?.output.fail(running, interruptedError(interruption.exitCode()));
      return interruption.exitCode();
    }
    const output = context?.output ?? fallbackOutput(argv);
    // Thrown for `--help` and `--version`.
    if (error instanceof CommanderError) return ExitCode.ok;
    if (isPromptExit(error)) {
      output.fail(running, interruptedError(ExitCode.interrupted));
      return ExitCode.interrupted;
    }
    const known = error instanceof UserError ? error : (timeoutError(error) ?? bugError(error, version));
    const explained = (await context?.host?.remote?.explain(known)) ?? known;
    const userError = context && here ? await explainDeployed(context, here, explained) : explained;
    output.fail(running, userError);
    return userError.exitCode;
  } finally {
    await context?.close();
    interruption.stop();
  }
}

/**
 * Commands that ignore environment and engine: they work on the project's files, which all environments
 * share, on this machine, or without a project.
 */
const WITHOUT_PLACE = ['init', 'upgrade', 'completion', 'list', 'help', 'version'];
/** Here `--context` names a context of the kubeconfig, not one of the docker client. */
const TO_A_CLUSTER = ['deploy k8s'];

/** The environment and engine of a command. @throws UserError as `chooseEnvironment` and `enginePlace` */
async function placeFor(command: string, settings: GlobalSettings): Promise<Place> {
  const commands = Object.keys(COMMANDS.commands).filter((name) => !WITHOUT_PLACE.includes(name));
  if (!commands.includes(command.split(' ', 1)[0] as string)) return { commands };
  const environment = await environmentFor(settings);
  const { enginePlace } = await import('./engine-place.js');
  const ofDocker = TO_A_CLUSTER.includes(command) ? { engine: settings.engine } : settings;
  return { environment, engine: await enginePlace(ofDocker, process.env, environment), commands };
}

/** The environment of a command. @throws UserError as `chooseEnvironment` */
async function environmentFor({
  directory,
  environment,
  hasEnvironments,
}: GlobalSettings): Promise<ChosenEnvironment | undefined> {
  if (environment === undefined && !hasEnvironments) return undefined;
  const { assertNoEnvironmentNeeded, chooseEnvironment } = await import('../project/environments.js');
  if (environment !== undefined) return chooseEnvironment(directory, process.env, environment);
  await assertNoEnvironmentNeeded(directory, process.env);
  return undefined;
}

/** `invctl logs | head` closes stdout early; that is not a failure. */
function endQuietlyOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error) => {
      if (hasErrorCode(error, 'EPIPE')) process.exit(ExitCode.ok);
      throw error;
    });
  }
}

function isInterruption(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    error.name === 'AbortError' ||
    error.name === 'AbortPromptError' ||
    isPromptExit(error) ||
    hasErrorCode(error, 'ABORT_ERR')
  );
}

/** Ctrl-C in a prompt arrives as this error of the prompt library, not as a signal. */
function isPromptExit(error: unknown): boolean {
  return error instanceof Error && error.name === 'ExitPromptError';
}

function interruptedError(exitCode: number): UserError {
  return new UserError({ code: 'INTERRUPTED', message: 'interrupted', exitCode });
}

/** The error for a limit of `AbortSignal.timeout`: something was slow, which is not a bug. */
function timeoutError(error: unknown): UserError | undefined {
  if (!(error instanceof Error) || error.name !== 'TimeoutError') return undefined;
  return new UserError({
    code: 'TIMEOUT',
    message: 'the engine, the database or the machine did not answer in time',
    hint: 'invctl doctor      (tells what is slow or down), then try it again',
    cause: error,
  });
}

function bugError(error: unknown, version: string): UserError {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new UserError({
    code: 'INTERNAL',
    message: `this is a bug in invctl ${version} (Node ${process.versions.node}, ${process.platform}):\n${redact(sourceStack(stack))}`,
    hint: 'please report it with the text above',
    cause: error,
  });
}

/** Output for errors that come before the settings are known, because the command line itself was invalid. */
function fallbackOutput(argv: readonly string[]) {
  const beforeDashes = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  let json = beforeDashes.includes('--json');
  try {
    json ||= isTruthy('INVCTL_JSON', process.env);
  } catch {
    // The error being reported says the same.
  }
  return createOutput({
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    json,
    quiet: false,
    noColor: beforeDashes.includes('--no-color'),
  });
}
