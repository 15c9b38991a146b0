import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SCRIPT = fileURLToPath(new URL('machine.sh', import.meta.url));
const execute = promisify(execFile);

/** Why no other machine can be made here; undefined where one can. */
export function whyNoMachine(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'it takes root on Linux';
  const programs: [string, string][] = [
    ['/usr/sbin/sshd', 'apt-get install openssh-server'],
    ['ssh-keyscan', 'apt-get install openssh-client'],
    ['ip', 'apt-get install iproute2'],
    ['nsenter', 'apt-get install util-linux'],
    ['/usr/sbin/dockerd', 'a Docker Engine'],
  ];
  for (const [program, from] of programs) {
    if (spawnSync(program, ['--version']).error) return `${program} is not here (${from})`;
  }
  return spawnSync('unshare', ['--net', '--mount', 'true']).status === 0
    ? undefined
    : 'no network namespace can be made';
}

/** Another machine, with an engine and an sshd of its own. Its host key is known, and root may log in with a key. */
export interface Machine {
  /** Its IP address. */
  address: string;
  /** Its network namespace, and its host name. */
  name: string;
  /** The address of this machine, as it sees it. */
  gateway: string;
  /** For programs that are to reach it: an `ssh` that knows its key, and nothing of the user who runs the tests. */
  env: Record<string, string>;
  /** File of the host keys that `ssh` knows. */
  knownHosts: string;
  /** Runs a command of the shell there as root. */
  run(command: string): Promise<string>;
  /** Copies an image of this machine's engine. */
  load(image: string): void;
  /** Ends what was started there and removes all of it. */
  remove(): void;
}

/** Takes about three seconds; nothing of this machine's engine is touched. */
export function startMachine(): Machine {
  // Not below /tmp, which the machine has for itself.
  const folder = mkdtempSync('/var/tmp/invctl-machine-');
  const number = freeNumber();
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'key')]);
  const key = readFileSync(join(folder, 'key.pub'), 'utf8').trim();
  const base = join(folder, 'machine');
  const remove = () => {
    spawnSync(SCRIPT, ['down', base, String(number)]);
    rmSync(folder, { recursive: true, force: true });
  };
  let address: string;
  try {
    address = execFileSync(SCRIPT, ['up', base, String(number), key], { encoding: 'utf8' }).trim();
  } catch (error) {
    remove();
    throw error;
  }
  const knownHosts = join(folder, 'known_hosts');
  const scan = execFileSync('ssh-keyscan', ['-t', 'ed25519', address], { encoding: 'utf8', stdio: 'pipe' });
  writeFileSync(knownHosts, scan);
  const config = `Host shop\n  HostName ${address}\nHost *\n  IdentityFile ${join(folder, 'key')}\n  IdentitiesOnly yes\n  UserKnownHostsFile ${knownHosts}\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n`;
  writeFileSync(join(folder, 'config'), config);
  mkdirSync(join(folder, 'bin'));
  const ssh = join(folder, 'bin', 'ssh');
  writeFileSync(ssh, `#!/bin/sh\nexec /usr/bin/ssh -F ${join(folder, 'config')} "$@"\n`);
  chmodSync(ssh, 0o755);
  return {
    address,
    name: `invctlm${number}`,
    gateway: `10.214.${number}.1`,
    env: { PATH: `${join(folder, 'bin')}:${process.env.PATH}` },
    knownHosts,
    run: async (command) => (await execute(ssh, [`root@${address}`, command])).stdout.trim(),
    load(image) {
      execFileSync('sh', ['-c', `docker save ${image} | ${ssh} root@${address} docker load`], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
    },
    remove,
  };
}

function freeNumber(): number {
  for (;;) {
    const number = randomInt(1, 250);
    if (!existsSync(`/sys/class/net/vinvctlm${number}`) && !existsSync(`/run/netns/invctlm${number}`))
      return number;
  }
}
