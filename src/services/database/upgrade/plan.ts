import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { configWith, hasImage, hasVolume, pullImage } from '../../../engine/compose/trial.js';
import type { ComposeConfig } from '../../../engine/compose/trial-project.js';
import { UserError } from '../../../errors.js';
import type { ServiceContext } from '../../context.js';
import type { Database } from '../database.js';
import { beforePrefix } from '../restore.js';
import { assertServerSpace } from '../restore-checks.js';
import { onlyRow, withSession } from '../session.js';
import { literal } from '../sql.js';
import { previousDatabases } from '../swap.js';
import { type MajorChange, notEditable, planMajorChange } from './compose-edit.js';

/** The new volume holds the database, its copy for the smoke test, and the archive that it is loaded from. */
const SPACE_FACTOR = 2.6;

export interface UpgradePlan {
  from: number;
  to: number;
  change: MajorChange;
  /** The project with the change made. */
  config: ComposeConfig;
}

interface Server {
  major: number;
  dataDirectory: string;
  bytes: number;
  /** Databases of others. */
  others: string[];
  /** Databases that restores left aside. */
  aside: string[];
  tablespaces: string[];
}

/**
 * Everything that can be said against an upgrade before anything is done for it.
 *
 * @throws UserError NOT_ON_THIS_ENGINE, SAME_MAJOR, DOWNGRADE, OTHER_DATABASES, TABLESPACES, COMPOSE_NOT_EDITABLE,
 *   VOLUME_EXISTS, IMAGE_NOT_PULLED, DATABASE_DISK_FULL, and what `confirmPull` throws.
 */
export async function planUpgrade(
  context: ServiceContext,
  database: Database,
  to: number,
  confirmPull: (image: string) => Promise<void>,
): Promise<UpgradePlan> {
  const { location, service, name } = database;
  assertDocker(database, to);
  const server = await readServer(context, database);
  const from = server.major;
  assertLater(from, to);
  if (server.others.length > 0) {
    throw new UserError({
      code: 'OTHER_DATABASES',
      message: `the server also holds ${server.others.join(', ')}, and only ${name} is moved`,
      hint: `dump and drop ${server.others.length === 1 ? 'it' : 'them'} first:  invctl exec ${service.name} -- pg_dump -Fc …`,
      details: { databases: server.others },
    });
  }
  if (server.tablespaces.length > 0) {
    throw new UserError({
      code: 'TABLESPACES',
      message: `the server has tablespaces of its own, ${server.tablespaces.join(', ')}, which are no part of the volume`,
      hint: 'move what is in them: ALTER TABLE … SET TABLESPACE pg_default, then DROP TABLESPACE',
    });
  }
  const files = await Promise.all(
    location.files.map(async (file) => ({ file, text: await readFile(file, 'utf8') })),
  );
  const change = planMajorChange({
    project: database.project,
    service,
    files,
    from,
    to,
    dataDirectory: server.dataDirectory,
  });
  const before = files.find(({ file }) => file === change.file)?.text ?? '';
  const config = await changedConfig(context, database, change, before, to);
  if (await hasVolume(context, change.volume.after.name)) {
    throw new UserError({
      code: 'VOLUME_EXISTS',
      message: `the volume ${change.volume.after.name} exists already, and the new server's has to be empty`,
      hint: `see what it holds:  invctl volume inspect ${change.volume.after.name}      (then remove or rename it)`,
    });
  }
  await assertServerSpace(database, server.bytes * SPACE_FACTOR);
  if (!(await hasImage(context, change.image.after))) {
    await confirmPull(change.image.after);
    await pullImage(context, change.image.after, context.signal);
  }
  if (server.aside.length > 0) {
    context.warn(
      `${server.aside.join(', ')}, left aside by restores, ${server.aside.length === 1 ? 'stays' : 'stay'} on the old volume`,
    );
  }
  return { from, to, change, config };
}

function assertDocker({ engine, location, service }: Database, to: number): void {
  if (engine.kind === 'docker') return;
  throw new UserError({
    code: 'NOT_ON_THIS_ENGINE',
    message:
      'db upgrade needs the Docker engine: the embedded one runs the PostgreSQL of this machine, one major at a time',
    hint: `invctl db backup      (it must be a portable one: --format custom in its manifest), then
image: postgres:${to} of "${service.name}", invctl down --volumes --confirm ${location.name}, invctl up, invctl db restore FILE`,
  });
}

async function readServer(context: ServiceContext, database: Database): Promise<Server> {
  const options = { applicationName: 'invctl db upgrade', signal: context.signal };
  return withSession(database, options, async (session) => {
    const server = await onlyRow<Omit<Server, 'aside'>>(
      session,
      `SELECT current_setting('server_version_num')::int / 10000 AS major,
              current_setting('data_directory') AS "dataDirectory", pg_database_size(current_database()) AS bytes,
              (SELECT coalesce(json_agg(datname ORDER BY 1), '[]') FROM pg_database
                WHERE NOT datistemplate AND datname NOT IN ('postgres', ${literal(database.name)})) AS others,
              (SELECT coalesce(json_agg(spcname ORDER BY 1), '[]') FROM pg_tablespace
                WHERE spcname !~ '^pg_') AS tablespaces`,
    );
    const aside = (await previousDatabases(session, beforePrefix(database))).map(({ name }) => name);
    return { ...server, others: server.others.filter((other) => !aside.includes(other)), aside };
  });
}

function assertLater(from: number, to: number): void {
  if (to > from) return;
  throw new UserError({
    code: to === from ? 'SAME_MAJOR' : 'DOWNGRADE',
    message:
      to === from
        ? `the database is a PostgreSQL ${from} already`
        : `the database is a PostgreSQL ${from}: no older server, such as ${to}, can take its data`,
    hint: `--to ${from + 1}, or later`,
    details: { from, to },
  });
}

/** The project after the edit, which must be the project before it in all but what the edit is for. */
async function changedConfig(
  context: ServiceContext,
  { location, service }: Database,
  change: MajorChange,
  before: string,
  to: number,
): Promise<ComposeConfig> {
  const { image, volume } = change;
  const refuse = (reason: string) =>
    notEditable(
      reason,
      { service: service.name, image: image.after, volume: `${volume.after.key}:${volume.after.target}`, to },
      change.file,
    );
  const config = await configWith(context, location, change.file, change.text).catch((error) => {
    throw error instanceof UserError && error.code === 'COMPOSE_INVALID' ? refuse(error.message) : error;
  });
  const expected = await configWith(context, location, change.file, before);
  const changed = expected.services[service.name];
  if (changed) {
    changed.image = image.after;
    for (const mount of changed.volumes ?? []) {
      if (mount.source !== volume.before.key || mount.target !== volume.before.target) continue;
      mount.source = volume.after.key;
      mount.target = volume.after.target;
    }
  }
  const { [volume.before.key]: definition, ...others } = expected.volumes ?? {};
  expected.volumes = { ...others, [volume.after.key]: { ...definition, name: volume.after.name } };
  if (isDeepStrictEqual(config, expected)) return config;
  throw refuse('the same edit would change more than the database');
}
