import { CommandError, ExitCode, UserError } from '../../errors.js';
import { explainUnreachable, firstLine } from './unreachable.js';

/**
 * Recognises messages of the docker client about problems with itself, the engine or Compose. The texts are
 * those of docker client 20 to 29; other errors are returned unchanged.
 */
export function explainDockerError(error: unknown): unknown {
  if (error instanceof UserError && error.code === 'PROGRAM_NOT_FOUND') {
    return new UserError({
      code: 'ENGINE_MISSING',
      message: 'the program `docker` is not installed',
      hint: 'install Docker Engine (https://docs.docker.com/engine/install/), or: invctl --engine embedded up',
      exitCode: ExitCode.engineUnavailable,
      cause: error,
    });
  }
  if (error instanceof UserError && error.code === 'TIMEOUT') {
    return new UserError({
      code: 'ENGINE_UNREACHABLE',
      message: `the Docker engine does not answer: ${error.message}`,
      hint: 'docker version      (waits as long as the engine takes), then: sudo systemctl status docker',
      exitCode: ExitCode.engineUnavailable,
      cause: error,
    });
  }
  if (!(error instanceof CommandError)) return error;
  const text = error.stderrTail;
  if (/permission denied while trying to connect/i.test(text)) {
    return new UserError({
      code: 'ENGINE_DENIED',
      message: `you do not have permission to use the Docker engine: ${firstLine(text)}`,
      hint: 'sudo usermod -aG docker "$USER"      (then log in again)',
      exitCode: ExitCode.engineUnavailable,
      cause: error,
    });
  }
  const unreachable = explainUnreachable(text);
  if (unreachable) {
    return new UserError({
      code: 'ENGINE_UNREACHABLE',
      ...unreachable,
      exitCode: ExitCode.engineUnavailable,
      cause: error,
    });
  }
  if (
    /'compose' is not a docker command|unknown command: docker compose|unknown shorthand flag: 'f' in -f/i.test(
      text,
    )
  ) {
    return new UserError({
      code: 'COMPOSE_MISSING',
      message: 'the docker client has no Compose v2 plugin',
      hint: 'sudo apt-get install docker-compose-plugin      (see https://docs.docker.com/compose/install/linux/)',
      exitCode: ExitCode.engineUnavailable,
      cause: error,
    });
  }
  const port =
    /(?:bind for|listen tcp4?|listen tcp6?) [^\s]*?:(\d+)[^\n]*(?:failed: port is already allocated|address already in use)/i.exec(
      text,
    );
  if (port) {
    return new UserError({
      code: 'PORT_IN_USE',
      message: `port ${port[1]} is already in use`,
      hint: `ss -ltnp 'sport = :${port[1]}'      (then stop that program, or publish another port in the compose file)`,
      details: { port: Number(port[1]) },
      cause: error,
    });
  }
  const network = /network (\S+) was found but has incorrect label com\.docker\.compose\.network/i.exec(text);
  if (network) {
    return new UserError({
      code: 'NETWORK_OF_ANOTHER',
      message: `the network ${network[1]} is not one of Compose: a stack of the same name runs in the Swarm of this engine, or somebody made it by hand`,
      hint: `docker network inspect ${network[1]}      (a stack of docker stack ls is ended by docker stack rm NAME, which keeps the volumes)`,
      details: { network: network[1] },
      cause: error,
    });
  }
  const source = /bind source path does not exist: ([^\n]+)/i.exec(text)?.[1];
  if (source !== undefined) {
    return new UserError({
      code: 'MOUNT_MISSING',
      message: `the machine of the engine has no ${source}, which a service mounts`,
      hint: source.endsWith('/containers')
        ? `docker info --format '{{.DockerRootDir}}'      (its files are in containers/ there: that folder is DOCKER_ROOT_DIR in .env)`
        : `invctl config      (says who mounts it: correct the path, or make the folder there)`,
      details: { source },
      cause: error,
    });
  }
  if (/no space left on device/i.test(text)) {
    return new UserError({
      code: 'DISK_FULL',
      message: `the engine's disk is full: ${firstLine(text)}`,
      hint: 'docker system df      (then make room, e.g. docker builder prune)',
      cause: error,
    });
  }
  return error;
}

const OBJECT = '(?:container|image|volume|network|object|service|secret|config|node|task|plugin)';
/** `No such volume: x`, `get x: no such volume` and, where the engine manages a swarm, `volume x not found`. */
const NO_SUCH = new RegExp(`\\bno such ${OBJECT}\\b|\\b${OBJECT} \\S+ (?:was )?not found\\b`, 'i');
const NOT_RUNNING = /\bcontainer \S+ is (?:not running|restarting|paused|marked for removal)/i;
/** How the client's own messages begin; those of PostgreSQL's programs begin in capitals. */
const OF_THE_CLIENT = /^[Ee]rror(?: response from daemon)?:/;

/** Whether the client says that an object of the engine does not exist. */
export function saysNotFound(stderr: string): boolean {
  return clientLines(stderr).some((line) => NO_SUCH.test(line));
}

/**
 * Whether a program did not run because its container does not exist or does not run. A program that ran may
 * print any text, and more than the client does.
 */
export function saysNotRunning(stderr: string): boolean {
  const lines = clientLines(stderr);
  const said = stderr.split('\n').filter((line) => line.trim() !== '');
  return (
    lines.length === said.length &&
    lines.some((line) => (/\bcontainer\b/i.test(line) && NO_SUCH.test(line)) || NOT_RUNNING.test(line))
  );
}

function clientLines(stderr: string): string[] {
  return stderr.split('\n').filter((line) => OF_THE_CLIENT.test(line));
}
