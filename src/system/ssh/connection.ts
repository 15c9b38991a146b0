import { PassThrough } from 'node:stream';
import { shellWord } from '../argv.js';
import type { ProcessRunner, RunOptions, RunResult } from '../process.js';
import { destination, type SshAddress } from './address.js';
import { explainScript, explainSsh, explainStart, hostLost } from './explain.js';
import { ownOutput } from './own-output.js';

export type ScriptOptions = Pick<
  RunOptions,
  'input' | 'output' | 'signal' | 'timeoutMs' | 'allowFailure' | 'ownSession'
>;

/** One login on a host. A process of ssh holds it, and all further commands go through it. */
export interface SshConnection {
  /**
   * Logs in, runs a command line there, and keeps the connection.
   * @throws UserError with exit code 3, each cause with its own code and hint
   */
  open(command: string): Promise<RunResult>;
  /** Keeps the connection in use by a process until {@link close}; an unused connection ends by itself. */
  hold(): void;
  /**
   * Runs a script of POSIX `sh` on the host over the connection. Pass secrets through `input`.
   * @throws UserError HOST_LOST (exit 3) if the connection is lost, CommandError on a failing status
   */
  script(text: string, words?: readonly string[], options?: ScriptOptions): Promise<RunResult>;
  /** Sends a request to the process that holds the connection. */
  ask(request: 'forward' | 'cancel' | 'check' | 'exit', words?: readonly string[]): Promise<RunResult>;
  /** Returns the host's name after resolution by `~/.ssh/config`. */
  resolveName(): Promise<string>;
  close(): Promise<void>;
}

export interface ConnectionDependencies {
  processes: ProcessRunner;
  signal: AbortSignal;
  /** True: there is a user whom ssh may ask for a password, or to confirm a host key. */
  interactive: boolean;
}

/** In seconds. Time limit for a name that does not resolve and for a firewall that drops packets. */
const CONNECT_S = 15;
/**
 * Interval of ssh's checks in seconds, and the number of unanswered ones after which the host counts as lost.
 */
const [ALIVE_INTERVAL_S, ALIVE_COUNT] = [10, 3];
/** Seconds for which the connection survives a process of ours that was killed. */
const PERSIST_S = 5;
const PATIENCE_MS = 60_000;
const ANSWER_MS = 15_000;
/** Exit status of ssh itself, as opposed to that of the program that it ran. */
const SSH_FAILED = 255;
// Variables for the docker client of this machine have no meaning there, and SendEnv might send them.
const ENV = { DOCKER_HOST: undefined, DOCKER_CONTEXT: undefined };

/** @param control path of the connection's socket */
export function createConnection(
  address: SshAddress,
  control: string,
  { processes, signal, interactive }: ConnectionDependencies,
): SshConnection {
  const to = destination(address);
  /** Uses only the existing connection: the proxy command `false` prevents a new one. */
  const through = (...words: readonly string[]) => [
    ...['-F', '/dev/null', '-o', 'BatchMode=yes', '-o', 'ControlMaster=no', '-o', 'ProxyCommand=false'],
    ...['-o', `ControlPath=${control}`],
    ...words,
  ];
  const held = new PassThrough();
  let holding: Promise<unknown> | undefined;

  const connection: SshConnection = {
    async open(command) {
      const result = await processes
        .run('ssh', [...masterOptions(control, interactive), ...to, command], {
          env: ENV,
          allowFailure: true,
          signal,
          ...(interactive ? {} : { timeoutMs: PATIENCE_MS }),
        })
        .catch((error: unknown) => {
          throw explainStart(address, error, PATIENCE_MS);
        });
      if (result.status === SSH_FAILED) throw explainSsh(address, result.stderr);
      return result;
    },
    hold() {
      const options = { env: ENV, input: held, ownSession: true, allowFailure: true };
      holding = processes.run('ssh', [...through(), ...to, 'cat >/dev/null'], options).catch(() => {});
    },
    async script(text, words = [], options = {}) {
      const own = ownOutput(text);
      const command = ['sh', '-c', own.script, 'sh', ...words].map(shellWord).join(' ');
      const ran = await processes.run('ssh', [...through(), ...to, command], {
        env: ENV,
        ...options,
        ...(options.output ? { output: own.through(options.output) } : {}),
        allowFailure: true,
      });
      const result = { ...ran, stdout: own.of(ran.stdout) };
      if (result.status === SSH_FAILED) throw hostLost(address);
      if (result.status !== 0 && !options.allowFailure) throw explainScript(address, result);
      return result;
    },
    ask: async (request, words = []) =>
      processes.run('ssh', [...through('-O', request, ...words), ...to], {
        env: ENV,
        allowFailure: true,
        ownSession: true,
        timeoutMs: ANSWER_MS,
      }),
    async resolveName() {
      const { stdout } = await processes
        .run('ssh', ['-G', ...to], { env: ENV, allowFailure: true })
        .catch(() => ({ stdout: '' }));
      return /^hostname (.+)$/m.exec(stdout)?.[1] ?? address.host;
    },
    async close() {
      held.end();
      await connection.ask('exit').catch(() => {});
      await holding;
    },
  };
  return connection;
}

function masterOptions(control: string, interactive: boolean): string[] {
  const options = [
    'ControlMaster=yes',
    `ControlPath=${control}`,
    `ControlPersist=${PERSIST_S}`,
    `ConnectTimeout=${CONNECT_S}`,
    `ServerAliveInterval=${ALIVE_INTERVAL_S}`,
    `ServerAliveCountMax=${ALIVE_COUNT}`,
    'ClearAllForwardings=yes',
    'RequestTTY=no',
    'RemoteCommand=none',
    ...(interactive ? [] : ['BatchMode=yes']),
  ];
  return options.flatMap((option) => ['-o', option]);
}
