import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineCheck } from '../../check.js';
import type { Facts } from '../../facts.js';
import { causeOfCheck } from '../../log-causes.js';
import { placeOf } from '../../reading.js';
import { isOfficialPostgres, postgresMajor } from '../../roles.js';

export const check = defineCheck({
  id: 'db.major',
  chapter: 'volumes',
  title: 'the data files are of another PostgreSQL major',
  severity: 'fail',
  why: 'A server reads the files of its own major only, and ends. The data is safe as long as nobody wipes it.',
  docs: `The image's tag was changed, the volume stayed: \`database files are incompatible with server\`. Set the tag back, and move over with \`invctl db upgrade --to MAJOR\`, which keeps the old volume. Never remove the volume to make the message go away.`,
  async probe(facts) {
    const { database } = facts;
    if (!database || !isOfficialPostgres(database)) return [];
    const wanted = postgresMajor(database);
    const found = (await majorOnDisk(facts)) ?? (await majorInLogs(facts, database.name));
    if (found === undefined || wanted === undefined || found === wanted) return [];
    return [
      {
        message: `the data is of PostgreSQL ${found}, but the image of "${database.name}" is ${wanted}`,
        next: `set image: postgres:${found} again      (then: invctl db upgrade --to ${wanted})`,
        service: database.name,
        ...placeOf(facts.reading, 'services', database.name, 'image'),
      },
    ];
  },
});

/** `PG_VERSION` of the cluster, where this machine may read it. */
async function majorOnDisk(facts: Facts): Promise<number | undefined> {
  const mount = facts.database?.mounts.find(({ target }) => target.startsWith('/var/lib/postgresql'));
  const folder =
    mount?.type === 'bind'
      ? mount.source
      : (await facts.engine()).kind === 'docker'
        ? (await facts.docker.volumes()).find(
            ({ Name }) => Name === facts.project.volumes[mount?.source ?? '']?.name,
          )?.Mountpoint
        : undefined;
  if (folder === undefined) return undefined;
  const text = await readFile(join(folder, 'PG_VERSION'), 'utf8').catch(() => '');
  return /^\d+\s*$/.test(text) ? Number(text) : undefined;
}

async function majorInLogs(facts: Facts, service: string): Promise<number | undefined> {
  if ((await facts.engine()).kind === 'none') return undefined;
  const status = (await facts.status()).find(({ name }) => name === service);
  if (!status || (status.state === 'running' && status.health !== 'unhealthy')) return undefined;
  const major = causeOfCheck('db.major', await facts.logs(service))?.match[1];
  return major === undefined ? undefined : Number(major);
}
