import { availableParallelism } from 'node:os';
import type { Readable } from 'node:stream';
import type { Session } from '../engine/database-access.js';
import { UserError } from '../errors.js';
import { createDatabase } from '../postgres/create-database.js';
import {
  accessTo,
  connectionArguments,
  type Database,
  programFailed,
  runClient,
  runProgram,
} from '../postgres/database.js';
import type { DatabaseFacts } from '../postgres/database-facts.js';
import { applySettings } from '../postgres/database-properties.js';
import { loadApplicationName } from '../postgres/derived-names.js';
import { withSession } from '../postgres/open-session.js';
import { disableSubscriptions, subscriptionsOf } from '../postgres/replication.js';
import { restoreFailed } from '../postgres/restore-failed.js';
import { withMaintenance } from '../postgres/server-sessions.js';
import { onlyRow } from '../postgres/session.js';
import { readArchive } from './archive.js';
import { hashing } from './archive-file.js';
import type { Archive } from './archive-kinds.js';
import { loadSql } from './load-sql.js';
import { unreadable } from './unreadable.js';

/** More than four jobs do not make a restore faster: the largest table decides. */
const MAXIMUM_JOBS = 4;
/**
 * Settings for building indexes in memory and for commits that do not wait for the disk. The renames come
 * later in the same log, and they do wait.
 */
const LOAD_SETTINGS = ['maintenance_work_mem=128MB', 'synchronous_commit=off'];
export interface LoadOptions {
  /** Id of the operation: part of the name of the copy in the container and of our sessions. */
  id: string;
  signal: AbortSignal;
  onBytes?: (total: number) => void;
  /** True for a database that is only read, such as for a check. */
  withoutSubscriptions?: boolean;
}

/** Exit status of our script. */
const READ_ONLY_STATUS = 77;

/** Path of the container's copy of an archive during a restore. */
function archiveCopy(id: string): string {
  return `/tmp/invctl-${id}.dump`;
}

/** The database to make. */
export interface NewDatabase {
  name: string;
  /** The database whose encoding, locale, owner and settings it gets. */
  like: DatabaseFacts['database'];
}

/**
 * Makes a database and loads an archive into it. The first error ends it. The subscriptions of the loaded
 * database are stopped, so it receives nothing from elsewhere.
 * @throws UserError SERVER_READ_ONLY, EXTENSION_BOUND, RESTORE_FAILED, BACKUP_UNREADABLE (exit 8) if the copy
 * differs from the file.
 */
export async function loadArchive(
  database: Database,
  target: NewDatabase,
  archive: Archive,
  options: LoadOptions,
): Promise<void> {
  const session = { applicationName: loadApplicationName(options.id), signal: options.signal };
  await withMaintenance(database, session, async (maintenance) => {
    await assertNotBound(maintenance, target.name, archive);
    await createDatabase(maintenance, target.name, target.like);
  });
  await applySettings(database, target.name, target.like, session);
  await load(database, target.name, archive, options);
  const subscriptions = await withMaintenance(database, session, (maintenance) =>
    subscriptionsOf(maintenance, target.name),
  );
  // Only opened if something needs the session.
  if (!subscriptions.some(({ enabled }) => enabled)) return;
  await withSession(database, { ...session, database: target.name }, (inside) =>
    disableSubscriptions(inside, subscriptions),
  );
}

async function load(
  database: Database,
  target: string,
  archive: Archive,
  options: LoadOptions,
): Promise<void> {
  const { signal } = options;
  const applicationName = loadApplicationName(options.id);
  const env = { PGAPPNAME: applicationName, PGCLIENTENCODING: 'UTF8' };
  const login = { database: target, settings: LOAD_SETTINGS, env, signal };
  if (archive.kind === 'plain') {
    // What a text leaves without a schema is where psql would make it.
    const settings = [...LOAD_SETTINGS, 'search_path=public'];
    return loadSql(database, archive, { ...options, login: { ...login, settings } });
  }
  const command = [
    'pg_restore',
    ...connectionArguments(database, target),
    '--no-password',
    '--exit-on-error',
    ...(options.withoutSubscriptions ? ['--no-subscriptions'] : []),
  ];
  const run = async (words: readonly string[], input?: Readable) => {
    const result = await runClient(database, [...command, ...words], {
      ...login,
      ...(input ? { input } : {}),
    });
    if (result.status !== 0) throw restoreFailed('the archive does not restore', result);
  };
  // Decrypted data must not be written to a disk, so it goes through a pipe, with one job.
  const pipe = async () => run([], (await readArchive(archive, options.onBytes)).stream);
  if (archive.decrypt) return pipe();
  const jobs = archive.kind === 'tar' ? [] : [`--jobs=${Math.min(MAXIMUM_JOBS, availableParallelism())}`];
  // Several jobs read the archive at once, which is impossible with a pipe. If the server's programs can read
  // our files, the file itself is used.
  if (accessTo(database).sharesFiles && !archive.unpack) return run([...jobs, archive.file]);
  const path = archiveCopy(options.id);
  try {
    if (!(await copyIn(database, archive, path, options))) return await pipe();
    await run([...jobs, path]);
  } finally {
    await removeCopy(database, options.id);
  }
}

/**
 * pg_cron can be installed in only one database of the server, which is set by name: never in a second one.
 */
async function assertNotBound(session: Session, target: string, { manifest }: Archive): Promise<void> {
  if (!manifest?.extensions.some(({ name }) => name === 'pg_cron')) return;
  const { home } = await onlyRow<{ home: string | null }>(
    session,
    `SELECT current_setting('cron.database_name', true) AS home`,
  );
  if (home === null || home === target) return;
  throw new UserError({
    code: 'EXTENSION_BOUND',
    message: `the backup has the extension pg_cron, which this server lets be made in its database ${home} alone (cron.database_name): no copy beside it can have it`,
    hint: `keep pg_cron in the database postgres:  cron.database_name = 'postgres', CREATE EXTENSION pg_cron there, and SELECT cron.schedule_in_database(…, '${home}'); then DROP EXTENSION pg_cron in ${home}, and take another backup
of this backup, by hand:  pg_restore into a new, empty database ${home}`,
    details: { extension: 'pg_cron', database: home },
  });
}

/**
 * Copies an archive into the container, hashes it there, and compares. A folder is sent as a tar file.
 * @returns false if the container's files are read-only; the caller then uses a pipe.
 */
async function copyIn(
  database: Database,
  archive: Archive,
  path: string,
  options: LoadOptions,
): Promise<boolean> {
  const { stream, digest } = await readArchive(archive, options.onBytes);
  const sent = archive.unpack ? hashing(stream) : { stream, digest };
  const script =
    archive.kind === 'directory'
      ? 'umask 077; cat > "$1.tar" && sha256sum "$1.tar" && mkdir "$1" && tar -xf "$1.tar" -C "$1" && rm "$1.tar"'
      : `(umask 077; : > "$1") 2>/dev/null || exit ${READ_ONLY_STATUS}; umask 077; cat > "$1" && sha256sum "$1"`;
  const result = await runProgram(database, ['sh', '-c', script, 'sh', path], {
    input: sent.stream,
    signal: options.signal,
  });
  if (result.status === READ_ONLY_STATUS) return false;
  if (result.status === 0 && result.stdout.startsWith(sent.digest().sha256)) return true;
  if (result.status !== 0) {
    throw programFailed('RESTORE_FAILED', 'the archive cannot be copied to the database', result);
  }
  throw unreadable('what arrived at the database is not what the file holds', 'run the same command again');
}

/** Removes the container's copy of an archive; does nothing if there is none. */
export async function removeCopy(database: Database, id: string): Promise<void> {
  const path = archiveCopy(id);
  await runProgram(database, ['rm', '-rf', path, `${path}.tar`]).catch(() => {});
}
