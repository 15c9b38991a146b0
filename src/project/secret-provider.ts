import { CommandError, ExitCode, UserError } from '../errors.js';
import { formatArgv } from '../system/argv.js';
import type { ProcessRunner } from '../system/process.js';
import { Secret } from '../system/secret.js';
import { doubtfulBytes } from './secret-file.js';
import type { SecretProvider } from './settings-file.js';
import { SETTINGS_FILE } from './settings-path.js';

/** In milliseconds. Some providers ask the user for a fingerprint or a code. */
const TIMEOUT_MS = 60_000;

export interface ProviderSurroundings {
  processes: ProcessRunner;
  /** Folder in which the command runs: the project's. */
  directory: string;
  signal: AbortSignal;
  /** Milliseconds until the command is killed. */
  timeoutMs?: number;
}

/** Returns the command as a user would type it. */
export function providerCommand({ command }: SecretProvider): string {
  return formatArgv(command);
}

/**
 * Returns the value of a secret: the output of its provider's command without one final newline. Any
 * incomplete value is an error: an exit status other than 0, an end by a signal or by the time limit, no
 * output, or bytes that readers of secrets treat differently.
 * @throws UserError PROVIDER_FAILED with what the command wrote to standard error, PROVIDER_TIMEOUT,
 * PROVIDER_EMPTY, PROVIDER_UNSOUND
 */
export async function askProvider(
  name: string,
  provider: SecretProvider,
  { processes, directory, signal, timeoutMs = TIMEOUT_MS }: ProviderSurroundings,
): Promise<Secret> {
  const [program, ...args] = provider.command;
  const fail = (code: string, reason: string, cause?: unknown) =>
    new UserError({
      code,
      message: `the provider of the secret ${name} ${reason}`,
      hint: `${providerCommand(provider)}      (as secrets.${name}.command in ${SETTINGS_FILE} has it; it must print the value and nothing else)`,
      exitCode: ExitCode.failure,
      details: { secret: name },
      ...(cause === undefined ? {} : { cause }),
    });
  // Children of a killed program may keep its output open. In a session of their own, all of them are ended
  // together.
  const options = { cwd: directory, signal, timeoutMs, ownSession: true };
  const { stdout } = await processes.run(program, args, options).catch((error: unknown) => {
    if (error instanceof CommandError) {
      const { status, signal: by, stderrTail } = error;
      const ended = by ? `was ended by ${by}` : `ended with status ${status}`;
      throw fail('PROVIDER_FAILED', stderrTail ? `${ended}:\n${stderrTail}` : ended);
    }
    if (!(error instanceof UserError)) throw error;
    if (error.code === 'TIMEOUT') {
      throw fail('PROVIDER_TIMEOUT', `did not answer within ${timeoutMs / 1000} s`);
    }
    throw fail('PROVIDER_FAILED', `cannot be asked: ${error.message}`, error);
  });
  const value = stdout.replace(/\r?\n$/, '');
  if (value.trim() === '') throw fail('PROVIDER_EMPTY', 'printed nothing');
  // Invalid UTF-8 was replaced when the output was read.
  const doubt = value.includes('\uFFFD') ? 'is not UTF-8 text' : doubtfulBytes(value);
  if (doubt !== undefined) throw fail('PROVIDER_UNSOUND', `printed a value that ${doubt}`);
  return new Secret(value);
}
