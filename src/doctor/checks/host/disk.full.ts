import { statfs } from 'node:fs/promises';
import { sshCommand } from '../../../system/ssh/address.js';
import type { RemoteHost } from '../../../system/ssh/remote-host.js';
import { defineCheck, type Finding } from '../../check.js';
import { causeOfCheck } from '../../log-causes.js';

/** Free bytes below which a database is about to stop, and below which a build may fail. */
const FAIL_BYTES = 100e6;
const WARN_BYTES = 1e9;

export const check = defineCheck({
  id: 'disk.full',
  chapter: 'host',
  title: 'a disk is full',
  severity: 'fail',
  needs: ['host'],
  why: 'PostgreSQL stops when it cannot write; builds and backups fail half-way.',
  docs: `\`df -h\` and \`docker system df\` show where the space is. \`docker builder prune\` removes the build cache, which costs time only. Never make room with \`docker volume prune\` or \`system prune --volumes\`: that is the data.`,
  async probe(facts) {
    const findings: Finding[] = [];
    const engine = await facts.engine();
    const { DockerRootDir } = (await (await facts.survey())?.info()) ?? {};
    const remote = facts.location.host?.remote;
    const disks = await diskHere(facts.location.directory, 'the project');
    if (DockerRootDir && remote) disks.push(...(await diskThere(remote, DockerRootDir)));
    else if (DockerRootDir && !facts.location.host)
      disks.push(...(await diskHere(DockerRootDir, "Docker's data")));
    for (const { free, message, look } of disks) {
      if (free >= WARN_BYTES) continue;
      findings.push({
        message: `${message} has ${Math.round(free / 1e6)} MB left`,
        ...(free < FAIL_BYTES ? {} : { severity: 'warn' as const }),
        next: look,
      });
    }
    if (engine.kind !== 'none' && facts.reading.project) {
      for (const { name, state, health, exitCode } of await facts.status()) {
        const failed =
          health === 'unhealthy' || state === 'restarting' || (state === 'exited' && exitCode !== 0);
        if (!failed || !causeOfCheck('disk.full', facts, await facts.logs(name))) continue;
        findings.push({
          message: `"${name}" found no space left on a disk it writes to`,
          next: 'docker system df && df -h      (then make room, and: invctl up)',
          service: name,
        });
      }
    }
    return findings;
  },
});

interface Disk {
  /** Bytes. */
  free: number;
  /** Names the disk: the beginning of a sentence. */
  message: string;
  /** The command that shows what uses the space. */
  look: string;
}

async function diskHere(folder: string, what: string): Promise<Disk[]> {
  const stats = await statfs(folder).catch(() => undefined);
  // Some virtual file systems report no blocks at all.
  if (!stats || stats.blocks === 0) return [];
  return [
    {
      free: stats.bavail * stats.bsize,
      message: `the disk of ${what} (${folder})`,
      look: 'docker system df && df -h      (then: docker builder prune)',
    },
  ];
}

/** Reads `df -P` on the engine's machine, in blocks of 1024 bytes. */
async function diskThere(remote: RemoteHost, folder: string): Promise<Disk[]> {
  const { stdout } = await remote.script('df -Pk "$1"', [folder], { allowFailure: true });
  const fields = stdout.trim().split('\n').at(-1)?.split(/\s+/) ?? [];
  const [total, free] = [Number(fields[1]), Number(fields[3])];
  if (!(total > 0) || Number.isNaN(free)) return [];
  const ssh = sshCommand(remote.address);
  return [
    {
      free: free * 1024,
      message: `the disk of Docker's data on ${remote.address.host} (${folder})`,
      look: `${ssh} "docker system df; df -h"      (then: ${ssh} docker builder prune)`,
    },
  ];
}
