import { shellWord } from '../argv.js';
import type { RunResult } from '../process.js';
import { type SshAddress, sshCommand } from './address.js';
import { hostError } from './explain.js';

/** Facts that a host reports when the connection begins. */
export interface HostFacts {
  /** `uname -s` and `uname -m`. */
  system: string;
  machine: string;
  user: string;
  /** Name of the host itself. */
  name: string;
  home: string;
  /** The engine's socket on the host. */
  socketPath: string;
  /** The host's name for this machine's ssh: a name of DNS, or an IP address. */
  networkName: string;
}

/** The facts that the host itself can report. */
export type HostLogin = Omit<HostFacts, 'networkName'>;

/** Text before this mark is a login shell's own output. */
const MARK = 'invctl-host-facts';

/**
 * Finds the first of the sockets that can be used, otherwise the first that exists. `$1`: the socket that the
 * address names. A rootless engine has its own below the user's runtime folder.
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

/** Returns the command line for the host's shell that prints the facts. */
export function factsCommand({ socketPath = '' }: SshAddress): string {
  return `sh -c ${shellWord(FACTS)} sh ${shellWord(socketPath)}`;
}

/**
 * @param result of {@link factsCommand}
 * @throws UserError HOST_WITHOUT_SHELL, ENGINE_MISSING, ENGINE_DENIED, ENGINE_UNREACHABLE
 */
export function readFacts(address: SshAddress, { stdout, stderr }: RunResult): HostLogin {
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
