import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Engine } from '../../../engine/engine.js';
import { openTrials, type ServerMove, type Trials } from '../../../engine/trials.js';
import { ExitCode, UserError } from '../../../errors.js';
import type { ComposeConfig } from '../../../project/from-config.js';
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
  move: ServerMove;
  change: MajorChange;
  /** The project's, with client programs that both servers take. */
  engine: Engine;
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
 * @throws UserError SAME_MAJOR, DOWNGRADE, OTHER_DATABASES, TABLESPACES, COMPOSE_NOT_EDITABLE, VOLUME_EXISTS,
 *   IMAGE_NOT_PULLED, EMBEDDED_POSTGRES_MISSING (exit 3), DATABASE_DISK_FULL, and what `confirmPull` throws.
 */
export async function planUpgrade(
  context: ServiceContext,
  database: Database,
  to: number,
  confirmPull: (image: string) => Promise<void>,
): Promise<UpgradePlan> {
  const { location, service, name } = database;
  const trials = await openTrials(database.engine, context);
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
    ...trials.declared(service, server),
  });
  const before = files.find(({ file }) => file === change.file)?.text ?? '';
  const config = await changedConfig(trials, database, change, before, to);
  await trials.assertNoVolume(location, change.volume.after);
  await assertServerSpace(database, server.bytes * SPACE_FACTOR);
  const move = { from, to, image: change.image.after };
  const engine = await trials.provide(move, confirmPull);
  if (server.aside.length > 0) {
    context.warn(
      `${server.aside.join(', ')}, left aside by restores, ${server.aside.length === 1 ? 'stays' : 'stay'} on the old volume`,
    );
  }
  return { move, change, engine, config };
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
  trials: Trials,
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
  const config = await trials.configWith(location, change.file, change.text).catch((error) => {
    const invalid = error instanceof UserError && error.exitCode === ExitCode.projectInvalid;
    throw invalid ? refuse(error.message) : error;
  });
  const expected = await trials.configWith(location, change.file, before);
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
