import { rm } from 'node:fs/promises';
import { assertOpens, openArchive, proveContent, proveDigest } from '../../backup/archive.js';
import type { Archive } from '../../backup/archive-kinds.js';
import { findOrFetch } from '../../backup/copies.js';
import { readIdentities } from '../../backup/encryption.js';
import { examineArchive } from '../../backup/examine-archive.js';
import { loadArchive } from '../../backup/load-archive.js';
import type { DumpExamination } from '../../backup/plain-dump.js';
import { UserError } from '../../errors.js';
import { restartClients, strugglingClients } from '../../postgres/clients.js';
import { type Database, findDatabase } from '../../postgres/database.js';
import type { DatabaseFacts } from '../../postgres/database-facts.js';
import { applyProperties, readProperties, wantedProperties } from '../../postgres/database-properties.js';
import { beforePrefix, derivedName, loadApplicationName } from '../../postgres/derived-names.js';
import { dropDatabase } from '../../postgres/drop-database.js';
import { countRows, readFacts } from '../../postgres/facts.js';
import {
  assertSwappable,
  type LiveState,
  openLive,
  serverDefaults,
  withLive,
} from '../../postgres/live-database.js';
import { withSession } from '../../postgres/open-session.js';
import { readReplication, replicationNotes } from '../../postgres/replication.js';
import { lockDatabase, withMaintenance } from '../../postgres/server-sessions.js';
import type { SessionOptions } from '../../postgres/session.js';
import { previousDatabases, setAllowConnections, swapDatabases } from '../../postgres/swap.js';
import { readSettings } from '../../project/settings-file.js';
import { withProjectLock } from '../../system/lock.js';
import { timeId } from '../../system/time-id.js';
import type { ServiceContext } from '../context.js';
import { clusterLocation, type DeployedCluster, inCluster } from '../deploy/cluster-project.js';
import { atPlace, type DeployedPlace } from '../deploy/deployed-place.js';
import { perform } from '../operation.js';
import { analyze } from './analyze.js';
import { proveRestored } from './prove-restored.js';
import { assertRestorable } from './restore-checks.js';
import { type RestoreRun, type RestoreState, restartHint, restoreOperation } from './restore-operation.js';
import {
  compareRows,
  type Restored,
  type RestoreInput,
  type RestorePhase,
  type RowDifference,
} from './restored.js';

/**
 * Restores a backup beside the live database, verifies it, and then gives it the live name. The previous
 * database stays for `undo`. A failure before the swap leaves the live database untouched.
 *
 * @throws UserError of the checks (see {@link assertRestorable}), of exit 8 for a damaged or incomplete
 * backup, what `confirm` throws, and NOT_HEALTHY (exit 6) when a service does not come back on the restored
 * database.
 */
export async function restore(
  world: ServiceContext,
  input: RestoreInput & DeployedPlace & { file: string },
): Promise<Restored> {
  const context = atPlace(world, input);
  return changeDatabase(context, async (database) => {
    const archive = await openBackup(context, database, input, (bytes) =>
      input.onProgress?.('fetch', bytes, bytes),
    );
    const { manifest } = archive;
    if (manifest && manifest.project !== database.location.name)
      await input.confirmForeign?.(manifest.project);
    const progress = (phase: RestorePhase) => (bytes: number) =>
      input.onProgress?.(phase, bytes, archive.bytes);
    const examination = await checkArchive(context, database, archive, progress('check'));
    if (manifest?.format === 'physical') {
      if (input.cluster || input.swarm) throw physicalThere();
      const { restorePhysical } = await import('./physical-restore.js');
      return restorePhysical(context, database, { ...archive, manifest }, input);
    }
    const id = timeId(new Date());
    const state: RestoreState = {
      id,
      live: database.name,
      scratch: derivedName(database.name, 'restore', id),
      incoming: derivedName(database.name, 'restore', id),
      previous: null,
      clients: input.restartClients ? await strugglingClients(database) : [],
      ...placeOf(input),
    };
    const options = { applicationName: loadApplicationName(id), signal: context.signal };
    const live = await withMaintenance(database, options, (one) => assertSwappable(one, database));
    if (live === 'there') state.previous = derivedName(database.name, 'before', id);
    return perform(restoreOperation, context, { id, state, subject: database }, async (run) => {
      const session = await openLive(database, live, options);
      try {
        await lockDatabase(session);
        await assertRestorable(database, session, archive, examination);
        const current = live === 'there' ? await readProperties(session) : undefined;
        const like =
          wantedProperties(manifest?.database, current) ?? (await serverDefaults(session, database));
        await run.begin('load');
        // The rows of the live database are counted while the scratch database is filled: one reads, the
        // other writes.
        const [before] = await Promise.all([
          live === 'there' ? countIfReadable(context, database, options) : [],
          loadArchive(database, { name: state.incoming, like }, archive, {
            id,
            signal: context.signal,
            onBytes: progress('copy'),
          }),
        ]);
        input.onProgress?.('compare', archive.bytes, archive.bytes);
        const [after] = await Promise.all([
          proveScratch(context, database, state, options, manifest ?? examination),
          analyze(context, database, { ...options, database: state.incoming }),
        ]);
        await warnOfReplication(context, database, state, options);
        const rows = compareRows(before, after.tables);
        await input.confirm({
          from: archive.file,
          database: database.name,
          rows,
          notes: [
            ...liveNotes(live, like, database),
            ...(examination?.problems.map(({ message }) => message) ?? []),
          ],
        });
        for (const lost of await applyProperties(database, state.incoming, like, options)) {
          context.warn(lost);
        }
        // A database with an open session cannot be renamed.
        await session.close();
        const swapMs = await swapAndRestart(context, database, run, input);
        return restored(archive.file, state, rows, swapMs);
      } finally {
        await session.close();
      }
    });
  });
}

/**
 * Verifies the archive before anything is restored from it.
 * @returns what an archive without a manifest turned out to contain
 */
async function checkArchive(
  { signal }: ServiceContext,
  database: Database,
  archive: Archive,
  onBytes: (bytes: number) => void,
): Promise<DumpExamination | undefined> {
  const { manifest } = archive;
  if (!manifest) return examineArchive(database, archive, { signal, onBytes });
  // psql loads a truncated dump without an error, so the archive is checked first.
  if (manifest.format === 'plain')
    await proveContent(database, { ...archive, manifest }, { signal, onBytes });
  else await proveDigest({ ...archive, manifest }, onBytes);
  return undefined;
}

/**
 * Gives the newest previous database its name back. The one that it replaces becomes the previous database,
 * so that undoing twice changes nothing.
 *
 * @throws UserError NOTHING_TO_UNDO, and as {@link restore}.
 */
export async function undo(world: ServiceContext, input: RestoreInput & DeployedPlace): Promise<Restored> {
  const context = atPlace(world, input);
  return changeDatabase(context, async (database) => {
    const physical = await import('./physical-restore.js');
    const [folder] = await physical.previousFolders(database);
    if (folder !== undefined) return physical.undoPhysical(context, database, folder, input);
    const id = timeId(new Date());
    const options = { applicationName: loadApplicationName(id), signal: context.signal };
    const live = await withMaintenance(database, options, (one) => assertSwappable(one, database));
    const newest = await withLive(database, live, options, async (session) => {
      await lockDatabase(session);
      const [first] = await previousDatabases(session, beforePrefix(database));
      return first;
    });
    if (!newest)
      throw nothingKept('NOTHING_TO_UNDO', 'there is nothing to undo: no restore left a database aside');
    const before = live === 'there' ? await countIfReadable(context, database, options) : [];
    const after = await countAside(context, database, newest.name, options);
    const state: RestoreState = {
      id,
      live: database.name,
      scratch: null,
      incoming: newest.name,
      previous: live === 'there' ? derivedName(database.name, 'before', id) : null,
      clients: input.restartClients ? await strugglingClients(database) : [],
      ...placeOf(input),
    };
    const rows = compareRows(before, after);
    await warnOfReplication(context, database, state, options);
    const notes = live === 'there' ? [] : [`the server has no database ${database.name} to swap it with`];
    await input.confirm({ from: newest.name, database: database.name, rows, notes });
    return perform(restoreOperation, context, { id, state, subject: database }, async (run) =>
      restored(newest.name, state, rows, await swapAndRestart(context, database, run, input)),
    );
  });
}

function placeOf({ cluster, swarm }: DeployedPlace): Pick<RestoreState, 'cluster' | 'swarm'> {
  return { ...(cluster ? { cluster } : {}), ...(swarm ? { swarm } : {}) };
}

function restored(
  from: string,
  { live, previous, clients }: RestoreState,
  rows: RowDifference[],
  swapMs: number,
): Restored {
  return { from, restored: live, previous, rows, restarted: clients, swapMs };
}

export interface Forgotten {
  /** Names of databases, or folders of physical restores. */
  forgotten: string[];
}

/**
 * Drops the previous databases. Their content is lost, so `confirm` asks first.
 * @throws UserError NOTHING_TO_FORGET
 */
export async function forget(
  context: ServiceContext,
  confirm: (names: readonly string[]) => Promise<void>,
): Promise<Forgotten> {
  return changeDatabase(context, async (database) => {
    const { previousFolders } = await import('./physical-restore.js');
    const folders = await previousFolders(database);
    const options = { applicationName: 'invctl db restore --forget', signal: context.signal };
    return withMaintenance(database, options, async (session) => {
      const kept = (await previousDatabases(session, beforePrefix(database))).map(({ name }) => name);
      const forgotten = [...kept, ...folders];
      if (forgotten.length === 0) {
        throw nothingKept('NOTHING_TO_FORGET', 'no restore left a database aside');
      }
      await confirm(forgotten);
      for (const name of kept) await dropDatabase(database, name, options);
      for (const folder of folders) await rm(folder, { recursive: true });
      return { forgotten };
    });
  });
}

async function changeDatabase<T>(
  context: ServiceContext,
  change: (database: Database) => Promise<T>,
): Promise<T> {
  const location = context.project();
  const engine = await context.engine();
  return withProjectLock(
    location,
    { command: `invctl ${restoreOperation.name}`, signal: context.signal },
    async () => change(await findDatabase(engine, location)),
  );
}

async function proveScratch(
  context: ServiceContext,
  database: Database,
  state: RestoreState,
  options: { applicationName: string; signal: AbortSignal },
  expected: DatabaseFacts | DumpExamination | undefined,
): Promise<DatabaseFacts> {
  return withSession(database, { ...options, database: state.incoming }, async (session) => {
    const facts = await readFacts(session);
    await proveRestored(session, facts, expected ?? { tables: [] }, context);
    return facts;
  });
}

/** @returns milliseconds in which nobody could connect. */
async function swapAndRestart(
  context: ServiceContext,
  database: Database,
  run: RestoreRun,
  { onProgress }: RestoreInput,
): Promise<number> {
  const { id, state } = run;
  await assertStillSwappable(context, database, state);
  await run.begin('swap');
  // The swap must not be interrupted.
  context.signal.throwIfAborted();
  onProgress?.('swap', 0, 0);
  const swapMs = await swapDatabases(database, id, state);
  await run.begin('restart');
  onProgress?.('restart', 0, 0);
  await restartClients(context, database, state.clients, restartHint(state, database.location.name));
  return swapMs;
}

/**
 * The rows of a database; empty when they cannot be counted, as in a damaged one, which must not stop a
 * restore.
 */
async function countIfReadable(
  context: ServiceContext,
  database: Database,
  options: SessionOptions,
): Promise<DatabaseFacts['tables']> {
  try {
    return await withSession(database, options, countRows);
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof UserError)) throw error;
    context.warn(`the rows of ${options.database ?? database.name} cannot be counted: ${error.message}`);
    return [];
  }
}

async function warnOfReplication(
  context: ServiceContext,
  database: Database,
  { live, incoming, previous }: RestoreState,
  options: { applicationName: string; signal: AbortSignal },
): Promise<void> {
  const notes = await withMaintenance(database, options, async (session) =>
    replicationNotes(
      await readReplication(session, live),
      await readReplication(session, incoming),
      previous,
    ),
  );
  for (const note of notes) context.warn(note);
}

/**
 * Checks again, because the load took time and clients may have changed.
 * @throws UserError as {@link assertSwappable}
 */
async function assertStillSwappable(
  context: ServiceContext,
  database: Database,
  { id, previous }: RestoreState,
): Promise<void> {
  const options = { applicationName: loadApplicationName(id), signal: context.signal };
  const live = await withMaintenance(database, options, (session) => assertSwappable(session, database));
  if ((live === 'there') === (previous !== null)) return;
  throw new UserError({
    code: 'DATABASE_CHANGED',
    message:
      previous === null
        ? `somebody made a database ${database.name} while it was restored`
        : `somebody dropped the database ${database.name} while it was restored`,
    hint: 'the same command again',
  });
}

/**
 * The preview's notes about a live database that is missing, or that an interrupted DROP DATABASE left
 * unreadable.
 */
function liveNotes(live: LiveState, like: DatabaseFacts['database'], { name }: Database): string[] {
  if (live === 'there') return [];
  const made = `the restore makes it (owner ${like.owner}, ${like.encoding}, ${like.locale ?? like.collate})`;
  return live === 'absent'
    ? [`the server has no database ${name}: ${made}; there is nothing to undo it to`]
    : [
        `a DROP DATABASE of ${name} was cut off, and what is left of it cannot be read: it is dropped, and ${made}`,
      ];
}

/** Counts a database that takes no connections: it accepts connections for a moment, from invctl alone. */
async function countAside(
  context: ServiceContext,
  database: Database,
  name: string,
  options: SessionOptions,
): Promise<DatabaseFacts['tables']> {
  await setAllowConnections(database, name, true);
  try {
    return await countIfReadable(context, database, { ...options, database: name });
  } finally {
    await setAllowConnections(database, name, false);
  }
}

/**
 * Finds a backup by its name, for a cluster first among those that were taken there.
 * @throws UserError when there is no such backup, or it cannot be read
 */
async function openBackup(
  context: ServiceContext,
  database: Database,
  { file: named, cluster }: { file: string; cluster?: DeployedCluster | undefined },
  onBytes: (bytes: number) => void,
): Promise<Archive> {
  const options = { signal: context.signal, onBytes };
  const location = cluster && clusterLocation(database.location, cluster);
  const there =
    location &&
    (await findOrFetch(context, { location, settings: await readSettings(location) }, named, options).catch(
      (error) => {
        if (error instanceof UserError && error.code === 'BACKUP_NOT_FOUND') return undefined;
        throw error;
      },
    ));
  const file = there ?? (await findOrFetch(context, database, named, options));
  const archive = await openArchive(file, {
    identities: () => readIdentities(context, database),
    processes: context.processes,
  });
  await assertOpens(archive);
  return archive;
}

/**
 * Checks a backup that is to be restored into a cluster, before anything is deployed there.
 * @throws as {@link restore}
 */
export async function assertForCluster(
  context: ServiceContext,
  file: string,
  cluster: DeployedCluster,
): Promise<void> {
  const engine = await inCluster(context, cluster).engine();
  const database = await findDatabase(engine, context.project());
  const { manifest } = await openBackup(context, database, { file, cluster }, () => {});
  if (manifest?.format === 'physical') throw physicalThere();
}

function physicalThere(): UserError {
  return new UserError({
    code: 'BACKUP_PHYSICAL',
    message: 'the backup is a copy of the data folder, and what is deployed takes a dump alone',
    hint: 'invctl db backup      (where the data runs now; without --base)',
  });
}

function nothingKept(code: string, message: string): UserError {
  return new UserError({ code, message, hint: 'invctl db list      (the backups)' });
}
