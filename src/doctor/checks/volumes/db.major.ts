import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { imageOfMajor } from '../../../postgres/image.js';
import type { ComposeMount, ComposeService } from '../../../project/model.js';
import type { RemoteHost } from '../../../system/ssh/remote-host.js';
import { defineCheck } from '../../check.js';
import { dataFolder, imageMajor, NEW_PATH, OLD_PATH } from '../../data-folder.js';
import type { Facts } from '../../facts.js';
import { causeOfCheck } from '../../log-causes.js';
import { placeOf } from '../../reading.js';

export const check = defineCheck({
  id: 'db.major',
  chapter: 'volumes',
  title: 'the data files are of another PostgreSQL major',
  severity: 'fail',
  why: 'A server reads the files of its own major only, and ends. The data is safe as long as nobody wipes it.',
  docs: `The image's tag was changed, the volume stayed: \`database files are incompatible with server\`. Set the tag back, and move over with \`invctl db upgrade --to MAJOR\`, which keeps the old volume. Never remove the volume to make the message go away. The major of an image is what it says itself (\`PG_MAJOR\`) where the engine has it, else what its tag says: 17 of \`postgres:17.2\` and of \`pgvector:0.8.2-pg17\`, and nothing of \`citus:12.1\` or \`latest\`.`,
  async probe(facts) {
    const { database } = facts;
    if (!database) return [];
    const wanted = await imageMajor(facts, database);
    const found = (await majorOnDisk(facts, database)) ?? (await majorInLogs(facts, database.name));
    const remote = facts.location.host?.remote;
    if (found === undefined && remote && !(await facts.runningDatabase())) {
      return { unknown: `the data files on ${remote.address.host} cannot be read from here` };
    }
    if (found === undefined || found === wanted) return [];
    if (wanted === undefined) {
      return { unknown: `the tag of ${database.image ?? 'the image'} does not say which PostgreSQL it is` };
    }
    const back = imageOfMajor(database.image ?? '', wanted, found);
    return [
      {
        message: `the data is of PostgreSQL ${found}, but the image of "${database.name}" is ${wanted}`,
        next: `set image: ${back ?? `one of PostgreSQL ${found}`} again${found < wanted ? `      (then: invctl db upgrade --to ${wanted})` : ''}`,
        service: database.name,
        ...placeOf(facts.reading, 'services', database.name, 'image'),
      },
    ];
  },
});

/**
 * `PG_VERSION` of the cluster, if this machine may read it: in the data folder, or in that of another major
 * version.
 */
async function majorOnDisk(facts: Facts, service: ComposeService): Promise<number | undefined> {
  const folder = await dataFolder(facts, service);
  const covers = ({ target }: ComposeMount) => folder === target || folder?.startsWith(`${target}/`);
  const mounts = service.mounts
    .filter((mount) => covers(mount) || mount.target === OLD_PATH || mount.target === NEW_PATH)
    // Prefers the data folder's own mount, and of two the nearer one.
    .sort((a, b) => Number(covers(b)) - Number(covers(a)) || b.target.length - a.target.length);
  for (const mount of mounts) {
    const source = await sourceOf(facts, mount);
    if (source === undefined) continue;
    const remote = facts.location.host?.remote;
    if (remote) {
      const there = await majorThere(remote, source);
      if (there !== undefined) return there;
      continue;
    }
    const inside = folder !== undefined && covers(mount) ? relative(mount.target, folder) : '';
    const major =
      (await majorOf(join(source, inside))) ??
      (await majorOf(source)) ??
      (await majorOf(join(source, 'data'))) ??
      (await majorOfNumbered(source));
    if (major !== undefined) return major;
  }
  return undefined;
}

/** The same on another machine, if the SSH user may read it: volumes belong to root. */
async function majorThere(remote: RemoteHost, folder: string): Promise<number | undefined> {
  const find =
    'cd "$1" && cat PG_VERSION data/PG_VERSION [0-9]*/docker/PG_VERSION 2>/dev/null | sort -n | tail -n 1';
  const { stdout } = await remote.script(find, [folder], { allowFailure: true });
  return Number.parseInt(stdout, 10) || undefined;
}

async function sourceOf(facts: Facts, { type, source }: ComposeMount): Promise<string | undefined> {
  if (type === 'bind') return source;
  const docker = await facts.survey();
  if (source === undefined || !docker) return undefined;
  const name = facts.project.volumes[source]?.name;
  return (await docker.volumes()).find(({ Name }) => Name === name)?.Mountpoint;
}

async function majorOf(folder: string): Promise<number | undefined> {
  const text = await readFile(join(folder, 'PG_VERSION'), 'utf8').catch(() => '');
  const major = /^(\d+)(?:\.\d+)?\s*$/.exec(text)?.[1];
  return major === undefined ? undefined : Number(major);
}

/** From 18 on the image has one folder per major: `18/docker`. The newest counts. */
async function majorOfNumbered(folder: string): Promise<number | undefined> {
  const names = await readdir(folder).catch(() => []);
  const majors = names.filter((name) => /^\d{2}$/.test(name)).sort((a, b) => Number(b) - Number(a));
  for (const name of majors) {
    const major = await majorOf(join(folder, name, 'docker'));
    if (major !== undefined) return major;
  }
  return undefined;
}

async function majorInLogs(facts: Facts, service: string): Promise<number | undefined> {
  if ((await facts.engine()).kind === 'none') return undefined;
  const status = (await facts.status()).find(({ name }) => name === service);
  if (!status || (status.state === 'running' && status.health !== 'unhealthy')) return undefined;
  const major = causeOfCheck('db.major', facts, await facts.logs(service))?.match[1];
  return major === undefined ? undefined : Number(major);
}
