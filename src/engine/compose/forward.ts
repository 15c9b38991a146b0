import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Readable } from 'node:stream';
import { hasErrorCode, UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import type { RemoteHost } from '../../system/ssh/remote-host.js';
import type { Forward } from '../engine.js';
import type { PublishedPort } from '../service-status.js';
import * as argv from './argv.js';
import type { Docker } from './docker.js';
import { serviceStatuses } from './parse.js';
import type { ContainerOf } from './programs.js';

const LOOPBACK = '127.0.0.1';
/** Exit status of the script: nothing listens on that port. */
const REFUSED = 111;
/** Exit status of the script: the image lacks a program that it needs. */
const NO_PROGRAM = 127;

/**
 * Joins standard input and output with a port of the container's own address. It does not use the loopback,
 * where a PostgreSQL image accepts everybody without a password. bash is in every image that has the official
 * entrypoint. The script waits for each child: the server is process 1 of its container and inherits orphans.
 * If a signal ended an orphan, the server takes it for a crash of one of its own processes and ends every
 * session.
 */
const JOIN = `
if command -v bash >/dev/null 2>&1; then
  exec bash -c '
    exec 3<>"/dev/tcp/$HOSTNAME/$1" || exit ${REFUSED}
    exec 4<&0
    cat <&3 2>/dev/null & down=$!
    cat <&4 >&3 2>/dev/null & up=$!
    wait -n
    kill "$down" "$up" 2>/dev/null
    wait
    exit 0' bash "$1" 2>/dev/null
fi
command -v nc >/dev/null 2>&1 || exit ${NO_PROGRAM}
exec nc "$(hostname -i | cut -d" " -f1)" "$1"
`;

interface ForwardInput {
  location: ProjectLocation;
  service: string;
  /** Port in the container. */
  target: number;
  /** Port of this machine; absent: any free one. */
  port?: number | undefined;
}

/**
 * Opens a port of this machine's loopback that leads to a service for as long as this process lives. Nothing
 * is published, and containers of internal networks are reached too. For a service on another machine it
 * leads to the port that the service publishes there, if any.
 * @throws UserError FORWARD_FAILED, PORT_IN_USE, SERVICE_NOT_RUNNING
 */
export async function forward(
  docker: Docker,
  containerOf: ContainerOf,
  input: ForwardInput,
): Promise<Forward> {
  const { location, service } = input;
  const { remote } = location.host ?? {};
  if (remote) {
    const status = serviceStatuses(await docker.containers(location.name)).find(
      ({ name }) => name === service,
    );
    const published = status?.ports.find(({ target }) => target === input.target);
    if (published) return forwardPublished(remote, published, input.port);
  }
  return forwardInto(docker, await containerOf(location, service), input);
}

async function forwardInto(docker: Docker, containerId: string, input: ForwardInput): Promise<Forward> {
  const { target, location } = input;
  const command = argv.exec(containerId, ['sh', '-c', JOIN, 'sh', String(target)], {});
  const options = { cwd: location.directory, allowFailure: true, ownSession: true } as const;
  const trial = await docker.run(command, { ...options, input: Readable.from([]) });
  if (trial.status !== 0) throw forwardFailed(input, trial.status, trial.stderr);
  const stop = new AbortController();
  const joined = new Set<Promise<unknown>>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const one = docker
      .run(command, { ...options, input: socket, output: socket, signal: stop.signal })
      // The client notices by itself when a connection breaks off.
      .catch(() => {})
      .finally(() => socket.destroy());
    joined.add(one);
    void one.finally(() => joined.delete(one));
    socket.on('error', () => {});
    stop.signal.addEventListener('abort', () => socket.destroy(), { once: true });
  });
  server.listen({ host: LOOPBACK, port: input.port ?? 0 });
  await once(server, 'listening').catch((error) => {
    throw explainListening(error, input.port);
  });
  return {
    host: LOOPBACK,
    port: (server.address() as AddressInfo).port,
    temporary: true,
    async close() {
      stop.abort();
      server.close();
      await Promise.all(joined);
    },
  };
}

/** Uses the SSH connection to the other machine; no program is started there. */
async function forwardPublished(
  remote: RemoteHost,
  { host, published }: PublishedPort,
  port: number | undefined,
): Promise<Forward> {
  const everywhere = ['0.0.0.0', '::'].includes(host);
  const forward = await remote.forward({ host: everywhere ? LOOPBACK : host, port: published }, port);
  return { host: LOOPBACK, port: forward.port, temporary: true, close: forward.close };
}

function explainListening(error: unknown, port: number | undefined): unknown {
  if (!hasErrorCode(error, 'EADDRINUSE', 'EACCES')) return error;
  return new UserError({
    code: 'PORT_IN_USE',
    message: `port ${port} of this machine ${error.code === 'EACCES' ? 'may not be used by you' : 'is in use'}`,
    hint: 'leave --port away: any free one is taken',
    details: { port },
  });
}

function forwardFailed({ service, target }: ForwardInput, status: number | null, stderr: string): UserError {
  const message =
    status === REFUSED
      ? `nobody answers at port ${target} of "${service}" by the container's own address`
      : status === NO_PROGRAM
        ? `the image of "${service}" has neither bash nor nc, one of which is needed to reach its port from here`
        : `port ${target} of "${service}" cannot be reached from here: ${stderr.trim().split('\n').at(-1) || `status ${status}`}`;
  return new UserError({
    code: 'FORWARD_FAILED',
    message,
    hint:
      status === REFUSED
        ? `invctl logs ${service}      (does it listen on all addresses?)`
        : 'invctl db psql      (works without)',
  });
}
