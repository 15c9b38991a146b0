import { statSync } from 'node:fs';
import type { ComposeService } from '../../../project/model.js';
import { hostPath, mountOver } from '../../../project/mounted-file.js';
import { defineCheck, type Finding } from '../../check.js';
import { databaseVolume } from '../../data-folder.js';
import type { Facts } from '../../facts.js';
import { firstStart, hasInitialised } from '../../first-start.js';
import { causeOfCheck } from '../../log-causes.js';
import { INIT_FOLDER, type InitPath, initPaths } from '../../mounted-scripts.js';
import { placeOf, placeOfItem } from '../../reading.js';
import { isOfficialPostgres } from '../../roles.js';
import { type ContainerUser, containerUser, postgresUser } from '../../users.js';

export const check = defineCheck({
  id: 'vol.permission',
  chapter: 'volumes',
  title: "the container's user cannot write, or read, where it has to",
  severity: 'fail',
  requires: ['secret.unreadable', 'vol.selinux'],
  why: 'A mounted folder keeps the owner that it has outside; the user inside is another, and gets "permission denied".',
  docs: `A folder of this machine that is mounted into a container belongs to your user; the container's user has another number. \`ls -ldn FOLDER\` and \`invctl exec api -- id\` show both. Use a named volume, which takes its owner from the image's folder, or give the folder to the container's user: \`sudo chown 1000:1000 FOLDER\`. PostgreSQL reads what is mounted at \`/docker-entrypoint-initdb.d\` as its own user (999, on Alpine 70): the folder needs \`chmod 0755\`, its files \`chmod 0644\`. In the Dockerfile: \`COPY --chown=1000:1000\` and \`USER 1000:1000\`.`,
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
      const cause = failed
        ? causeOfCheck('vol.permission', facts, await facts.logs(service.name))
        : undefined;
      const path = cause?.match.slice(1).find((part) => part !== undefined) ?? '';
      if (cause && path.startsWith(INIT_FOLDER)) {
        findings.push(...initFindings(facts, service, path));
      } else if (cause) {
        findings.push({
          ...mountFinding(facts, service, path),
          message: `"${service.name}" cannot write ${path}`,
        });
      } else {
        findings.push(...(await closedFolders(facts, service)));
        findings.push(...(await closedInitScripts(facts, service)));
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
  const mount = mountOver(service, path);
  return {
    next:
      mount?.type === 'bind'
        ? `ls -ldn ${facts.argument(mount.source ?? '')}      (give it to the container's user: sudo chown UID:GID)`
        : `invctl exec ${service.name} -- ls -ldn ${path}`,
    service: service.name,
    ...(mount
      ? placeOfItem(facts.reading, service.name, 'volumes', 'target', mount.target)
      : placeOf(facts.reading, 'services', service.name, 'volumes')),
  };
}

/** What the image could not read in its init folder, by the messages about each path. */
function initFindings(facts: Facts, service: ComposeService, said: string): Finding[] {
  const closed = closedTo(postgresUser(service), service);
  if (closed.length > 0) return closed.map((path) => initFinding(facts, service, path));
  const target = said.replace(/[:'"]+$/, '').replace(/(?<=.)\/$/, '');
  const file = hostPath(facts.project, service, target) ?? target;
  return [initFinding(facts, service, { file, target, folder: target === INIT_FOLDER })];
}

/** Files mounted for the first start that the server's user cannot read. */
async function closedInitScripts(facts: Facts, service: ComposeService): Promise<Finding[]> {
  // A file that is copied to another machine can be read by everybody in the container there.
  if (facts.location.host?.remote) return [];
  if (process.platform !== 'linux' || !isOfficialPostgres(service)) return [];
  const user = service.user === undefined ? postgresUser(service) : await containerUser(facts, service);
  const closed = user && user.uid !== 0 ? closedTo(user, service) : [];
  if (closed.length === 0) return [];
  const lenient = (await isInitialised(facts, service))
    ? {
        severity: 'warn' as const,
        why: 'The data is there already; on a new volume these scripts do not run.',
      }
    : {};
  return closed.map((path) => ({ ...initFinding(facts, service, path), ...lenient }));
}

/** Whether data exists: it is never initialised again. */
async function isInitialised(facts: Facts, service: ComposeService): Promise<boolean> {
  const [container] = await facts.containersOf(service.name);
  if (!container) return service === facts.database && ((await databaseVolume(facts))?.exists ?? false);
  return hasInitialised(await firstStart(facts, container));
}

function closedTo(user: ContainerUser, service: ComposeService): InitPath[] {
  return initPaths(service).filter(({ file, folder }) => {
    const stats = statSync(file, { throwIfNoEntry: false });
    if (!stats) return false;
    const bits = folder ? 0o5 : 0o4;
    const shift = stats.uid === user.uid ? 6 : stats.gid === user.gid ? 3 : 0;
    return ((stats.mode >> shift) & bits) !== bits;
  });
}

function initFinding(facts: Facts, service: ComposeService, { file, target, folder }: InitPath): Finding {
  return {
    message: `"${service.name}" cannot read ${facts.shown(file)}, which it runs when it makes its data (${target})`,
    why: 'The image ends before it has made the data, or leaves it half made.',
    next: `chmod ${folder ? '0755' : '0644'} ${facts.argument(file)}      (then: invctl up)`,
    service: service.name,
    file,
  };
}

/** Folders of this machine that are mounted for writing, but that the container's user cannot write. */
async function closedFolders(facts: Facts, service: ComposeService): Promise<Finding[]> {
  if (facts.location.host?.remote) return [];
  // PostgreSQL's entrypoint starts as root and changes the folder's owner.
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
        message: `"${service.name}" runs as uid ${user.uid}, which cannot write ${facts.shown(source ?? '')}, mounted at ${target}`,
        next: `sudo chown ${user.uid}${user.gid === undefined ? '' : `:${user.gid}`} ${facts.argument(source ?? '')}      (or mount it :ro)`,
        service: service.name,
        ...placeOfItem(facts.reading, service.name, 'volumes', 'target', target),
      },
    ];
  });
}
