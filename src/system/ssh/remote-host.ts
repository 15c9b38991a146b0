import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { CommandError, ExitCode, UserError } from '../../errors.js';
import { shellWord } from '../argv.js';
import { findFreePort } from '../ports.js';
import type { ProcessRunner, RunOptions, RunResult } from '../process.js';
import { getJson } from '../unix-socket.js';
import { destination, type SshAddress, sshCommand } from './address.js';
import { explainSsh, hostError } from './explain.js';
import { makeSocketFolder, newSocketFolder } from './socket-folder.js';

/** What a host says of itself when the connection begins. */
export interface HostFacts {
  /** `uname -s` and `uname -m`. */
  system: string;
  machine: string;
  user: string;
  /** Its own name. */
  name: string;
  home: string;
  /** The engine's socket there. */
  socketPath: string;
  /** What this machine's ssh knows it by: a name of DNS, or an IP address. */
  networkName: string;
}

type Login = Omit<HostFacts, 'networkName'>;

/** A port of this machine's loopback that leads to one of the host. */
export interface HostForward {
  port: number;
  close(): Promise<void>;
}

/** The machine that the engine runs on, where that is another one: one SSH connection for everything. */
export interface RemoteHost {
  readonly address: SshAddress;
  /** Path, on this machine, of a socket that leads to the engine's; there once {@link connect} is through. */
  readonly socket: string;
  /** Folder of this machine, for this user alone, that goes with the connection. */
  readonly folder: string;
  /**
   * Makes the connection, once.
   * @throws UserError with exit code 3, each cause with its own code and hint
   */
  connect(): Promise<HostFacts>;
  /**
   * Runs a script of POSIX `sh` on the host over the connection. Whatever is secret goes through `input`.
   * @throws UserError HOST_LOST (exit 3) where the connection is gone, CommandError on a failing status
   */
  script(
    text: string,
    words?: readonly string[],
    options?: Pick<RunOptions, 'input' | 'output' | 'signal' | 'timeoutMs' | 'allowFailure' | 'ownSession'>,
  ): Promise<RunResult>;
  /**
   * @param to an address as the host sees it
   * @param port of this machine; absent: any that is free
   * @throws UserError PORT_IN_USE
   */
  forward(to: { host: string; port: number }, port?: number): Promise<HostForward>;
  /** Says of an error of the engine whether it is the connection, or the engine of that host. */
  explain(error: UserError): Promise<UserError>;
  /** Ends the connection and all that goes through it. */
  close(): Promise<void>;
}

export interface RemoteHostDependencies {
  processes: ProcessRunner;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  /** A person is there whom ssh may ask for a password, or to confirm a host key. */
  interactive: boolean;
}

/** Seconds; a name that leads nowhere and a firewall that drops are told within. */
const CONNECT_S = 15;
/** Seconds after which a host that does not answer any more is given up. */
const [ALIVE_INTERVAL_S, ALIVE_COUNT] = [10, 3];
/** Seconds that the connection outlives a process of ours that was killed. */
const PERSIST_S = 5;
const PATIENCE_MS = 60_000;
const ANSWER_MS = 15_000;
/** Of ssh itself, as opposed to the program that it ran. */
const SSH_FAILED = 255;
/** Everything before it is what a login shell prints of its own. */
const MARK = 'invctl-host-facts';

/**
 * The first of the sockets that may be used, else the first that is there. `$1`: the one that was named.
 * A rootless engine has its own below the user's runtime folder.
 */
const FACTS = `
echo ${MARK}
say() { printf '%s=%s\\n' "$1" "$2"; }
say system "$(uname -s)"
say machine "$(uname -m)"
say user "$(id -un)"
say name "$(uname -n)"
say home "$HOME"
command -v docker >/dev/null 2>&1 && say docker yes
first=
[ -n "$1" ] || set -- "$(echo "\${DOCKER_HOST-}" | sed -n 's#^unix://##p')" "\${XDG_RUNTIME_DIR:-/run/user/$(id -u)}/docker.sock" /var/run/docker.sock
for one in "$@"; do
  [ -n "$one" ] && [ -S "$one" ] || continue
  if [ -w "$one" ]; then say socket "$one"; exit 0; fi
  [ -n "$first" ] || first=$one
done
say denied "$first"
`;

export function createRemoteHost(address: SshAddress, dependencies: RemoteHostDependencies): RemoteHost {
  const { processes, signal, interactive } = dependencies;
  const folder = newSocketFolder(dependencies.env);
  const socket = join(folder, 'engine');
  const control = join(folder, 'control');
  const to = destination(address);
  // What is for the docker client here says nothing there, and SendEnv might take it along.
  const env = { DOCKER_HOST: undefined, DOCKER_CONTEXT: undefined };
  const hold = new PassThrough();
  let holding: Promise<unknown> | undefined;
  let connecting: Promise<HostFacts> | undefined;
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });

  /** Through the connection that is there, and never by one of its own: `false` is the way to another. */
  const through = (...words: readonly string[]) => [
    ...['-F', '/dev/null', '-o', 'BatchMode=yes', '-o', 'ControlMaster=no', '-o', 'ProxyCommand=false'],
    ...['-o', `ControlPath=${control}`],
    ...words,
  ];

  async function connect(): Promise<HostFacts> {
    makeSocketFolder(folder, dependencies.env);
    process.once('exit', removeFolder);
    try {
      const [login, networkName] = await Promise.all([openMaster(), resolveName()]);
      const facts = { ...login, networkName };
      holding = processes
        .run('ssh', [...through(), ...to, 'cat >/dev/null'], {
          env,
          input: hold,
          ownSession: true,
          allowFailure: true,
        })
        .catch(() => {});
      await askMaster('forward', ['-L', `${socket}:${facts.socketPath}`]);
      await assertAnswers(facts);
      return facts;
    } catch (error) {
      await close();
      throw error;
    }
  }

  async function openMaster(): Promise<Login> {
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
    const command = `sh -c ${shellWord(FACTS)} sh ${shellWord(address.socketPath ?? '')}`;
    const result = await processes
      .run('ssh', [...options.flatMap((option) => ['-o', option]), ...to, command], {
        env,
        allowFailure: true,
        signal,
        ...(interactive ? {} : { timeoutMs: PATIENCE_MS }),
      })
      .catch((error: unknown) => {
        throw explainStart(error);
      });
    if (result.status === SSH_FAILED) throw explainSsh(address, result.stderr);
    return factsIn(result);
  }

  /** What `~/.ssh/config` makes of the name. */
  async function resolveName(): Promise<string> {
    const { stdout } = await processes
      .run('ssh', ['-G', ...to], { env, allowFailure: true })
      .catch(() => ({ stdout: '' }));
    return /^hostname (.+)$/m.exec(stdout)?.[1] ?? address.host;
  }

  function explainStart(error: unknown): unknown {
    if (!(error instanceof UserError)) return error;
    if (error.code === 'PROGRAM_NOT_FOUND') {
      return hostError(
        'SSH_MISSING',
        'the program `ssh` is not installed',
        'sudo apt-get install openssh-client',
      );
    }
    if (error.code !== 'TIMEOUT') return error;
    return hostError(
      'HOST_UNREACHABLE',
      `${address.host} did not finish the login within ${PATIENCE_MS / 1000} s`,
      `${sshCommand(address)} true      (has to work first)`,
    );
  }

  /** @throws UserError ENGINE_MISSING, ENGINE_DENIED, ENGINE_UNREACHABLE */
  function factsIn({ stdout, stderr }: RunResult): Login {
    const lines = stdout.slice(stdout.lastIndexOf(MARK) + MARK.length).split('\n');
    const said = new Map(lines.map((line) => [line.split('=', 1)[0], line.slice(line.indexOf('=') + 1)]));
    const ssh = sshCommand(address);
    const user = said.get('user');
    if (!stdout.includes(MARK) || user === undefined) {
      const last = (stdout.trim() || stderr.trim()).split('\n').at(-1);
      throw hostError(
        'HOST_WITHOUT_SHELL',
        `${address.host} lets you in and runs no programs for you${last ? `: ${last}` : ''}`,
        `${ssh} sh -c true      (has to work first)`,
      );
    }
    const facts = {
      system: said.get('system') ?? '',
      machine: said.get('machine') ?? '',
      user,
      name: said.get('name') ?? address.host,
      home: said.get('home') ?? '',
    };
    const socketPath = said.get('socket');
    if (socketPath !== undefined) return { ...facts, socketPath };
    const denied = said.get('denied');
    if (denied) {
      throw hostError(
        'ENGINE_DENIED',
        `${user} on ${address.host} does not have permission to use the Docker engine (${denied})`,
        `${ssh} sudo usermod -aG docker ${user}      (then log in again)`,
      );
    }
    if (address.socketPath !== undefined || said.has('docker')) {
      throw hostError(
        'ENGINE_UNREACHABLE',
        `the Docker engine of ${address.host} does not run: it has no socket ${address.socketPath ?? '/var/run/docker.sock'}`,
        `${ssh} sudo systemctl start docker`,
      );
    }
    throw hostError(
      'ENGINE_MISSING',
      `Docker is not installed on ${address.host}`,
      `install Docker Engine there (https://docs.docker.com/engine/install/), then: ${ssh} docker version`,
    );
  }

  /** The way for the engine's API may be closed in two places: at the engine, and by the settings of sshd. */
  async function assertAnswers({ socketPath }: Login): Promise<void> {
    const answered = await getJson(socket, '/version', ANSWER_MS).then(
      () => true,
      () => false,
    );
    if (answered) return;
    signal.throwIfAborted();
    const ssh = sshCommand(address);
    const there = await script('docker --host "unix://$1" version >/dev/null 2>&1', [socketPath], {
      allowFailure: true,
      timeoutMs: ANSWER_MS,
    });
    if (there.status === 0) {
      throw hostError(
        'FORWARDING_REFUSED',
        `sshd on ${address.host} does not forward the engine's socket (AllowStreamLocalForwarding, or DisableForwarding)`,
        `${ssh} "sudo sshd -T | grep -i forwarding"      (both have to allow it)`,
      );
    }
    throw engineSilent();
  }

  function engineSilent(): UserError {
    return hostError(
      'ENGINE_UNREACHABLE',
      `the Docker engine of ${address.host} does not answer`,
      `${sshCommand(address)} "docker version; systemctl status docker"`,
    );
  }

  async function script(
    text: string,
    words: readonly string[] = [],
    options: Parameters<RemoteHost['script']>[2] = {},
  ): Promise<RunResult> {
    const command = ['sh', '-c', text, 'sh', ...words].map(shellWord).join(' ');
    const result = await processes.run('ssh', [...through(), ...to, command], {
      env,
      ...options,
      allowFailure: true,
    });
    if (result.status === SSH_FAILED) throw lost();
    if (result.status !== 0 && !options.allowFailure) throw explainScript(result);
    return result;
  }

  function explainScript({ status, signal, stderr }: RunResult): UserError {
    const full = /^.*(?:No space left on device|Disk quota exceeded).*$/im.exec(stderr);
    const ssh = sshCommand(address);
    if (full)
      return hostError(
        'HOST_DISK_FULL',
        `the disk of ${address.host} is full: ${full[0].trim()}`,
        `${ssh} df -h      (make room, then run the same command again)`,
      );
    const last = stderr.trim().split('\n').at(-1) || `a command ended with status ${status}`;
    return new CommandError({
      code: 'HOST_COMMAND_FAILED',
      message: `${address.host}: ${last}`,
      hint: `${ssh} ls -ld . .invctl      (may it write there?)`,
      exitCode: ExitCode.engineUnavailable,
      argv: ['ssh', address.host],
      status,
      signal,
      stderrTail: stderr.trim(),
    });
  }

  function lost(cause?: UserError): UserError {
    return new UserError({
      code: 'HOST_LOST',
      message: `the connection to ${address.host} was lost${cause ? `, in the middle of this:\n${cause.message}` : ''}`,
      hint: `${sshCommand(address)} true      (when that works: the same command again)`,
      exitCode: ExitCode.engineUnavailable,
      ...(cause ? { cause } : {}),
    });
  }

  /** A request to the process that has the connection. */
  async function askMaster(
    request: 'forward' | 'cancel' | 'check' | 'exit',
    words: readonly string[] = [],
  ): Promise<RunResult> {
    return processes.run('ssh', [...through('-O', request, ...words), ...to], {
      env,
      allowFailure: true,
      ownSession: true,
      timeoutMs: ANSWER_MS,
    });
  }

  async function forward(target: { host: string; port: number }, wanted?: number): Promise<HostForward> {
    await remote.connect();
    const port = wanted ?? (await findFreePort('127.0.0.1'));
    const host = target.host.includes(':') ? `[${target.host}]` : target.host;
    const way = ['-L', `127.0.0.1:${port}:${host}:${target.port}`];
    const result = await askMaster('forward', way);
    if (result.status !== 0) {
      throw new UserError({
        code: 'PORT_IN_USE',
        message: `port ${port} of this machine cannot be forwarded: ${result.stderr.trim().split('\n').at(-1)}`,
        hint: 'leave --port away: any free one is taken',
        details: { port },
      });
    }
    return {
      port,
      close: async () => {
        await askMaster('cancel', way);
      },
    };
  }

  async function explain(error: UserError): Promise<UserError> {
    if (!connecting || error.exitCode === ExitCode.usage) return error;
    const connected = await connecting.then(
      () => true,
      () => false,
    );
    if (!connected || error.code === 'HOST_LOST') return error;
    const alive = await askMaster('check').catch(() => undefined);
    if (alive?.status !== 0) return lost(error);
    return error.code === 'ENGINE_UNREACHABLE' ? engineSilent() : error;
  }

  async function close(): Promise<void> {
    hold.end();
    await askMaster('exit').catch(() => {});
    await holding;
    process.off('exit', removeFolder);
    removeFolder();
  }

  const remote: RemoteHost = {
    address,
    socket,
    folder,
    connect() {
      connecting ??= connect();
      return connecting;
    },
    script: async (...call) => {
      await remote.connect();
      return script(...call);
    },
    forward,
    explain,
    async close() {
      if (
        await connecting?.then(
          () => true,
          () => false,
        )
      )
        await close();
    },
  };
  return remote;
}

/** A runner whose `docker` finds the connection made. */
export function throughHost(processes: ProcessRunner, host: RemoteHost): ProcessRunner {
  const ready = async (program: string) => {
    if (program === 'docker') await host.connect();
  };
  return {
    async run(program, ...call) {
      await ready(program);
      return processes.run(program, ...call);
    },
    async *lines(program, ...call) {
      await ready(program);
      yield* processes.lines(program, ...call);
    },
    async passThrough(program, ...call) {
      await ready(program);
      return processes.passThrough(program, ...call);
    },
    detach: (...call) => processes.detach(...call),
  };
}
