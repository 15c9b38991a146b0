import { once } from 'node:events';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { execa, type Options } from 'execa';
import { CommandError, ExitCode, hasErrorCode, UserError } from '../errors.js';
import { formatArgv, outputTail } from './argv.js';
import { redact } from './secret.js';

/** Time between the first signal and SIGKILL, in milliseconds. */
const KILL_DELAY_MS = 10_000;
/** Number of characters of standard error that are kept for a message; the rest is dropped. */
const STDERR_KEPT_CHARS = 64 * 1024;

export interface RunOptions {
  cwd?: string;
  /** Added to the runner's environment; undefined removes a name. */
  env?: Record<string, string | undefined>;
  /** Written to standard input, which is then closed. */
  input?: string | Readable;
  /**
   * Receives standard output instead of the result's `stdout`; it is not ended. An error of it ends the
   * program.
   */
  output?: Writable;
  /**
   * Discards the output. Otherwise a process that the program leaves behind would keep our end of a pipe
   * open.
   */
  ignoreOutput?: boolean;
  /**
   * Starts the program in a session of its own, so that the terminal's Ctrl-C and hang-up do not reach it:
   * only `signal` ends it.
   */
  ownSession?: boolean;
  /** On abort, sends SIGTERM, and SIGKILL ten seconds later. */
  signal?: AbortSignal;
  /** Milliseconds after which the program is ended and the call fails with TIMEOUT. */
  timeoutMs?: number;
  /** Returns the result with any exit status instead of throwing. */
  allowFailure?: boolean;
  /** Called for every line of standard error as it arrives. */
  onStderrLine?: (line: string) => void;
  uid?: number;
  gid?: number;
}

export interface RunResult {
  argv: readonly string[];
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface PassThroughOptions extends Pick<RunOptions, 'cwd' | 'env' | 'uid' | 'gid'> {
  /** Default: all three are ours. */
  stdin?: Readable | 'inherit' | 'ignore';
  stdout?: Writable | 'inherit';
}

export interface DetachedOptions extends Pick<RunOptions, 'cwd' | 'uid' | 'gid'> {
  /** The whole environment; nothing is inherited. */
  env: Record<string, string>;
  /** Open file descriptor for standard output and standard error. */
  outputFd: number;
  /** Called if the program ends while our process is alive, with 128 + signal number if a signal ended it. */
  onExit?: (status: number) => void;
}

/**
 * Starts programs. Every other program is started here: always with an argument vector, never with a shell
 * string.
 */
export interface ProcessRunner {
  /**
   * Runs to the end and captures the output as UTF-8.
   * @throws UserError PROGRAM_NOT_FOUND if there is no such program, CommandError on a failing status, and
   * the error of `input` or `output` if one of them fails.
   */
  run(program: string, args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Yields standard output line by line while the program runs. Ending the iteration early ends the program. */
  lines(program: string, args: readonly string[], options?: RunOptions): AsyncGenerator<string, void, void>;
  /**
   * Gives the program our terminal and returns its exit status (128 + signal number if a signal ended it).
   */
  passThrough(program: string, args: readonly string[], options?: PassThroughOptions): Promise<number>;
  /** Starts a program in a session of its own that continues after our end. Returns its process id. */
  detach(program: string, args: readonly string[], options: DetachedOptions): Promise<number>;
}

export interface ProcessRunnerOptions {
  env: NodeJS.ProcessEnv;
  /** See `Interruption.handOver`: decides who receives the signals while a child has our terminal. */
  handOver?: (forward: (signal: NodeJS.Signals) => void) => () => void;
  /** Called with each argument vector, redacted, before it runs. */
  trace?: (argv: string) => void;
}

type StartOptions = Pick<RunOptions, 'cwd' | 'env' | 'uid' | 'gid' | 'ownSession'>;
/** execa's types allow descriptors up to 9; execa itself passes every one to Node. */
type Descriptor = 9;
type Channel = 'ignore' | 'pipe' | 'inherit' | Descriptor;
type Stdio = [stdin: Exclude<Channel, number>, stdout: Channel, stderr: Channel];

/**
 * Options of every start. We handle streams, so that data for a pipe or a file is not also kept in memory. We
 * handle signals, because they may be for a whole session. No program is ended only because we end.
 */
const FIXED = {
  reject: false,
  buffer: false,
  extendEnv: false,
  cleanup: false,
  forceKillAfterDelay: false,
} as const satisfies Options;

type ChildOptions = typeof FIXED &
  Pick<Options, 'cwd' | 'uid' | 'gid' | 'detached' | 'env'> & { stdio: Stdio };
const launch = (program: string, args: readonly string[], options: ChildOptions) =>
  execa(program, args, options);
type Child = ReturnType<typeof launch>;

/** @param env the whole environment; default: the runner's with that of the options */
type Start = (
  program: string,
  args: readonly string[],
  options: StartOptions,
  stdio: Stdio,
  env?: Record<string, string>,
) => Child;

export function createProcessRunner({ env: baseEnv, handOver, trace }: ProcessRunnerOptions): ProcessRunner {
  const start: Start = (
    program,
    args,
    options,
    stdio,
    env = withoutUndefined({ ...baseEnv, ...options.env }),
  ) => {
    trace?.(formatArgv([program, ...args]));
    const { ownSession: detached = false, cwd, uid, gid } = options;
    return launch(program, args, {
      ...FIXED,
      stdio,
      detached,
      env,
      ...(cwd === undefined ? {} : { cwd }),
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    });
  };

  return {
    run: (...call) => run(start, ...call),
    lines: (...call) => lines(start, ...call),
    passThrough: (...call) => passThrough(start, handOver, ...call),
    detach: (...call) => detach(start, ...call),
  };
}

async function run(
  start: Start,
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const argv = [program, ...args];
  options.signal?.throwIfAborted();
  const child = start(program, args, options, [
    options.input === undefined ? 'ignore' : 'pipe',
    options.ignoreOutput ? 'ignore' : 'pipe',
    options.ignoreOutput ? 'ignore' : 'pipe',
  ]);
  const stopWatching = endOn(child, options.signal, options.timeoutMs, options.ownSession);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  let broken: { error: unknown } | undefined;
  const streams: Promise<void>[] = [];
  const connect = (from: Readable, to: Writable, end: boolean) => {
    const passed = pipeline(from, to, { end }).then(() => (end ? undefined : taken(to)));
    const connected = passed.catch((error) => {
      // A program may end before it has read everything; its exit status explains that better than EPIPE.
      if (hasErrorCode(error, 'EPIPE', 'ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE')) return;
      broken ??= { error };
      kill(child, 'SIGTERM', options.ownSession);
    });
    streams.push(connected);
  };
  if (options.output && child.stdout) connect(child.stdout, options.output, false);
  else child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  if (options.onStderrLine && child.stderr) {
    createInterface({ input: child.stderr }).on('line', options.onStderrLine);
  }
  if (options.input !== undefined && child.stdin) {
    connect(
      typeof options.input === 'string' ? Readable.from([options.input]) : options.input,
      child.stdin,
      true,
    );
  }
  try {
    const { status, signal } = await ended(child, program);
    await Promise.all(streams);
    const result: RunResult = {
      argv,
      status,
      signal,
      stdout: Buffer.concat(stdout).toString('utf8'),
      stderr: Buffer.concat(stderr).toString('utf8'),
    };
    options.signal?.throwIfAborted();
    if (broken) throw broken.error;
    if (status !== 0 && stopWatching.timedOut()) throw timeoutError(argv, options.timeoutMs);
    if (status !== 0 && !options.allowFailure) throw commandError(result);
    return result;
  } finally {
    stopWatching();
  }
}

async function* lines(
  start: Start,
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): AsyncGenerator<string, void, void> {
  const argv = [program, ...args];
  options.signal?.throwIfAborted();
  const child = start(program, args, options, ['ignore', 'pipe', 'pipe']);
  const stopWatching = endOn(child, options.signal, options.timeoutMs);
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString('utf8')).slice(-STDERR_KEPT_CHARS);
  });
  if (options.onStderrLine && child.stderr) {
    createInterface({ input: child.stderr }).on('line', options.onStderrLine);
  }
  const outcome = ended(child, program);
  // Without a listener, a failed start would be an unhandled rejection before the loop ends.
  outcome.catch(() => {});
  try {
    if (child.stdout) yield* createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY });
    const { status, signal } = await outcome;
    options.signal?.throwIfAborted();
    if (status !== 0 && !options.allowFailure) {
      throw commandError({ argv, status, signal, stdout: '', stderr });
    }
  } finally {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      child.kill('SIGTERM');
      await outcome.catch(() => {});
    }
    stopWatching();
  }
}

async function passThrough(
  start: Start,
  handOver: ProcessRunnerOptions['handOver'],
  program: string,
  args: readonly string[],
  options: PassThroughOptions = {},
): Promise<number> {
  const stdin = options.stdin ?? 'inherit';
  const stdout = options.stdout ?? 'inherit';
  const child = start(program, args, options, [
    typeof stdin === 'string' ? stdin : 'pipe',
    typeof stdout === 'string' ? stdout : 'pipe',
    'inherit',
  ]);
  if (typeof stdin !== 'string' && child.stdin) {
    child.stdin.on('error', () => {});
    stdin.pipe(child.stdin);
  }
  if (typeof stdout !== 'string') child.stdout?.pipe(stdout, { end: false });
  const takeBack = handOver?.((name) => child.kill(name));
  const { status, signal } = await ended(child, program).finally(() => takeBack?.());
  if (typeof stdout !== 'string' && stdout.writable) await taken(stdout);
  return exitStatus(status, signal);
}

async function detach(
  start: Start,
  program: string,
  args: readonly string[],
  options: DetachedOptions,
): Promise<number> {
  const { outputFd, onExit, env } = options;
  const log = outputFd as Descriptor;
  const session = { ...options, ownSession: true };
  const child = start(program, args, session, ['ignore', log, log], env);
  await Promise.race([once(child, 'spawn').catch(() => {}), ended(child, program)]);
  if (child.pid === undefined) await ended(child, program);
  if (onExit) child.once('exit', (status, signal) => onExit(exitStatus(status, signal)));
  child.unref();
  return child.pid as number;
}

/** Returns the exit status as in a shell's `$?`. */
function exitStatus(status: number | null, signal: NodeJS.Signals | null): number {
  return signal ? 128 + constants.signals[signal] : (status ?? ExitCode.failure);
}

function withoutUndefined<T>(entries: Record<string, T | undefined>): Record<string, T> {
  const set = Object.entries(entries).filter((entry): entry is [string, T] => entry[1] !== undefined);
  return Object.fromEntries(set);
}

/** @throws UserError if it could not be started */
async function ended(
  child: Child,
  program: string,
): Promise<{ status: number | null; signal: NodeJS.Signals | null }> {
  const { exitCode, signal, cause } = await child;
  if (child.pid === undefined) throw startError(cause, program);
  return { status: exitCode ?? null, signal: signal ?? null };
}

function startError(error: unknown, program: string): unknown {
  if (hasErrorCode(error, 'ENOENT')) {
    return new UserError({
      code: 'PROGRAM_NOT_FOUND',
      message: `the program \`${program}\` was not found`,
      details: { program },
      cause: error,
    });
  }
  if (hasErrorCode(error, 'EACCES')) {
    return new UserError({
      code: 'PROGRAM_NOT_EXECUTABLE',
      message: `the program \`${program}\` cannot be executed: you lack the permission`,
      details: { program },
      cause: error,
    });
  }
  return error;
}

/**
 * Waits until a stream has written everything; a pipe that does not end its target does not wait for that.
 */
function taken(stream: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(Buffer.alloc(0), (error) => (error ? reject(error) : resolve()));
  });
}

function commandError(result: RunResult): CommandError {
  return new CommandError({
    argv: result.argv.map((word) => redact(word)),
    status: result.status,
    signal: result.signal,
    stderrTail: outputTail(result.stderr),
  });
}

function timeoutError(argv: readonly string[], timeoutMs = 0): UserError {
  return new UserError({
    code: 'TIMEOUT',
    message: `\`${formatArgv(argv)}\` did not answer within ${timeoutMs / 1000} s`,
    hint: 'the machine may be busy: try it again',
  });
}

/**
 * Kills the whole session if there is one, because the program's children may keep its output open after its
 * end.
 */
function kill(child: Child, name: NodeJS.Signals, ownSession = false): void {
  if (!ownSession || child.pid === undefined) {
    child.kill(name);
    return;
  }
  try {
    process.kill(-child.pid, name);
  } catch (error) {
    if (!hasErrorCode(error, 'ESRCH', 'EPERM')) throw error;
  }
}

/**
 * Ends the child on abort or at the time limit. The returned function stops watching; `timedOut` tells which
 * of the two it was.
 */
function endOn(
  child: Child,
  signal: AbortSignal | undefined,
  timeoutMs: number | undefined,
  ownSession = false,
): { (): void; timedOut(): boolean } {
  let timedOut = false;
  let killTimer: NodeJS.Timeout | undefined;
  const end = () => {
    kill(child, 'SIGTERM', ownSession);
    killTimer = setTimeout(() => kill(child, 'SIGKILL', ownSession), KILL_DELAY_MS);
    killTimer.unref();
  };
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          end();
        }, timeoutMs);
  signal?.addEventListener('abort', end, { once: true });
  const stop = () => {
    clearTimeout(timer);
    clearTimeout(killTimer);
    signal?.removeEventListener('abort', end);
  };
  return Object.assign(stop, { timedOut: () => timedOut });
}
