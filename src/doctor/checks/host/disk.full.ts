import { statfs } from 'node:fs/promises';
import { defineCheck, type Finding } from '../../check.js';
import { causeOfCheck } from '../../log-causes.js';

/** Free bytes under which a database is about to stop, and under which a build may fail. */
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
    const folders = [{ folder: facts.location.directory, what: 'the project' }];
    const { DockerRootDir } = (await (await facts.survey())?.info()) ?? {};
    if (DockerRootDir) folders.push({ folder: DockerRootDir, what: "Docker's data" });
    for (const { folder, what } of folders) {
      // The engine may be on another machine.
      const stats = await statfs(folder).catch(() => undefined);
      // Some virtual file systems count no blocks at all.
      if (!stats || stats.blocks === 0) continue;
      const free = stats.bavail * stats.bsize;
      if (free >= WARN_BYTES) continue;
      findings.push({
        message: `the disk of ${what} (${folder}) has ${Math.round(free / 1e6)} MB left`,
        ...(free < FAIL_BYTES ? {} : { severity: 'warn' as const }),
        next: 'docker system df && df -h      (then: docker builder prune)',
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
