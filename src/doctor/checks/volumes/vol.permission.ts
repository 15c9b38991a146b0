import { statSync } from 'node:fs';
import type { ComposeService } from '../../../project/model.js';
import { defineCheck, type Finding } from '../../check.js';
import type { Facts } from '../../facts.js';
import { causeOfCheck } from '../../log-causes.js';
import { placeOf } from '../../reading.js';
import { isOfficialPostgres } from '../../roles.js';
import { containerUser } from '../../users.js';

export const check = defineCheck({
  id: 'vol.permission',
  chapter: 'volumes',
  title: "the container's user cannot write where it has to",
  severity: 'fail',
  requires: ['secret.unreadable', 'vol.selinux'],
  why: 'A mounted folder keeps the owner that it has outside; the user inside is another, and gets "permission denied".',
  docs: `A folder of this machine that is mounted into a container belongs to your user; the container's user has another number. \`ls -ldn FOLDER\` and \`invctl exec api -- id\` show both. Use a named volume, which takes its owner from the image's folder, or give the folder to the container's user: \`sudo chown 1000:1000 FOLDER\`. In the Dockerfile: \`COPY --chown=1000:1000\` and \`USER 1000:1000\`.`,
  async probe(facts) {
    const findings: Finding[] = [];
    const engine = await facts.engine();
    const statuses = engine.kind === 'none' ? [] : await facts.status();
    for (const service of Object.values(facts.project.services)) {
      const status = statuses.find(({ name }) => name === service.name);
      const failed =
        status !== undefined &&
        (status.health === 'unhealthy' || ['exited', 'restarting', 'dead'].includes(status.state)) &&
        status.exitCode !== 0;
      const cause = failed ? causeOfCheck('vol.permission', await facts.logs(service.name)) : undefined;
      if (cause) {
        const path = cause.match[1] ?? cause.match[2] ?? cause.match[3] ?? '';
        findings.push({
          ...mountFinding(facts, service, path),
          message: `"${service.name}" may not write ${path}`,
        });
      } else {
        findings.push(...(await closedFolders(facts, service)));
      }
    }
    return findings;
  },
});

function mountFinding(
  facts: Facts,
  service: ComposeService,
  path: string,
): Pick<Finding, 'next' | 'service'> {
  const mount = service.mounts.find(({ target }) => path === target || path.startsWith(`${target}/`));
  return {
    next:
      mount?.type === 'bind'
        ? `ls -ldn '${facts.shown(mount.source ?? '')}'      (give it to the container's user: sudo chown UID:GID)`
        : `invctl exec ${service.name} -- ls -ldn ${path}`,
    service: service.name,
    ...placeOf(facts.reading, 'services', service.name, 'volumes'),
  };
}

/** Folders of this machine that are mounted for writing, and are closed to the container's user. */
async function closedFolders(facts: Facts, service: ComposeService): Promise<Finding[]> {
  // PostgreSQL's entrypoint begins as root and takes its folder over.
  if (process.platform !== 'linux' || (isOfficialPostgres(service) && !service.user)) return [];
  const user = await containerUser(facts, service);
  if (!user || user.uid === 0) return [];
  return service.mounts.flatMap(({ type, source, target, readOnly }) => {
    const stats = type === 'bind' && source ? statSync(source, { throwIfNoEntry: false }) : undefined;
    if (!stats?.isDirectory() || readOnly) return [];
    const bit = stats.uid === user.uid ? 0o200 : stats.gid === user.gid ? 0o020 : 0o002;
    if ((stats.mode & bit) !== 0) return [];
    return [
      {
        severity: 'warn' as const,
        message: `"${service.name}" runs as uid ${user.uid}, which may not write ${facts.shown(source ?? '')}, mounted at ${target}`,
        next: `sudo chown ${user.uid}${user.gid === undefined ? '' : `:${user.gid}`} '${facts.shown(source ?? '')}'      (or mount it :ro)`,
        service: service.name,
        ...placeOf(facts.reading, 'services', service.name, 'volumes'),
      },
    ];
  });
}
