import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ExitCode, type UserError } from '../../errors.js';
import type { ProcessRunner } from '../process.js';
import { getJson } from '../unix-socket.js';
import { type SshAddress, sshCommand } from './address.js';
import { type ConnectionDependencies, createConnection, type SshConnection } from './connection.js';
import { engineSilent, hostError, hostLost } from './explain.js';
import { type HostForward, openForward } from './forward.js';
import { factsCommand, type HostFacts, readFacts } from './host-facts.js';
import { makeSocketFolder, newSocketFolder } from './socket-folder.js';

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
  script: SshConnection['script'];
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

export interface RemoteHostDependencies extends ConnectionDependencies {
  env: NodeJS.ProcessEnv;
}

/** Milliseconds that the engine has for its version. */
const ANSWER_MS = 15_000;

export function createRemoteHost(address: SshAddress, dependencies: RemoteHostDependencies): RemoteHost {
  const { env, signal } = dependencies;
  const folder = newSocketFolder(env);
  const socket = join(folder, 'engine');
  const connection = createConnection(address, join(folder, 'control'), dependencies);
  let connecting: Promise<HostFacts> | undefined;
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });

  async function connect(): Promise<HostFacts> {
    makeSocketFolder(folder, env);
    process.once('exit', removeFolder);
    try {
      const [answer, networkName] = await Promise.all([
        connection.open(factsCommand(address)),
        connection.resolveName(),
      ]);
      const facts = { ...readFacts(address, answer), networkName };
      connection.hold();
      await connection.ask('forward', ['-L', `${socket}:${facts.socketPath}`]);
      if (!(await answers(socket))) {
        signal.throwIfAborted();
        throw await explainSilence(address, connection, facts.socketPath);
      }
      return facts;
    } catch (error) {
      await close();
      throw error;
    }
  }

  async function close(): Promise<void> {
    await connection.close();
    process.off('exit', removeFolder);
    removeFolder();
  }

  /** Whether the connection was made; `false` as well where nothing asked for it. */
  const wasMade = async () =>
    connecting?.then(
      () => true,
      () => false,
    ) ?? false;

  const remote: RemoteHost = {
    address,
    socket,
    folder,
    connect() {
      connecting ??= connect();
      return connecting;
    },
    async script(...call) {
      await remote.connect();
      return connection.script(...call);
    },
    async forward(...call) {
      await remote.connect();
      return openForward(connection, ...call);
    },
    async explain(error) {
      if (error.exitCode === ExitCode.usage || error.code === 'HOST_LOST') return error;
      if (!(await wasMade())) return error;
      const alive = await connection.ask('check').catch(() => undefined);
      if (alive?.status !== 0) return hostLost(address, error);
      return error.code === 'ENGINE_UNREACHABLE' ? engineSilent(address) : error;
    },
    async close() {
      if (await wasMade()) await close();
    },
  };
  return remote;
}

async function answers(socket: string): Promise<boolean> {
  return getJson(socket, '/version', ANSWER_MS).then(
    () => true,
    () => false,
  );
}

/** The way for the engine's API may be closed in two places: at the engine, and by the settings of sshd. */
async function explainSilence(
  address: SshAddress,
  connection: SshConnection,
  socketPath: string,
): Promise<UserError> {
  const there = await connection.script('docker --host "unix://$1" version >/dev/null 2>&1', [socketPath], {
    allowFailure: true,
    timeoutMs: ANSWER_MS,
  });
  if (there.status !== 0) return engineSilent(address);
  return hostError(
    'FORWARDING_REFUSED',
    `sshd on ${address.host} does not forward the engine's socket (AllowStreamLocalForwarding, or DisableForwarding)`,
    `${sshCommand(address)} "sudo sshd -T | grep -i forwarding"      (both have to allow it)`,
  );
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
