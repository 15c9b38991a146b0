import { rm } from 'node:fs/promises';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import { beginJournal, type Journal } from '../../system/journal.js';
import { withProjectLock } from '../../system/lock.js';
import type { ServiceContext } from '../context.js';
import { assertOpens, openArchive, proveContent, proveDigest } from './archive.js';
import { timeId } from './backup-store.js';
import { restartClients, strugglingClients } from './clients.js';
import { findOrFetch } from './copies.js';
import { type Database, findDatabase } from './database.js';
import { applyProperties, readProperties, wantedProperties } from './database-properties.js';
import { dropDatabase } from './drop-database.js';
import { readIdentities } from './encryption.js';
import { examineArchive } from './examine-archive.js';
import { countRows, readFacts } from './facts.js';
import { assertSwappable, type LiveState, openLive, serverDefaults, withLive } from './live-database.js';
import type { Facts } from './manifest.js';
import type { DumpExamination } from './plain-dump.js';
import { proveRestored } from './prove-restored.js';
import { readReplication, replicationNotes } from './replication.js';
import { assertRestorable } from './restore-checks.js';
import { derivedName, derivedPrefix, loadApplicationName, loadArchive } from './scratch.js';
import { endSessions, lockDatabase, withMaintenance } from './server-sessions.js';
import { type SessionOptions, withSession } from './session.js';
import { previousDatabases, setAllowConnections, swapDatabases } from './swap.js';

const RESTORE_OPERATION = 'db restore';

/** What `recover` needs to finish or revert a restore. */
export const restoreStateSchema = z.object({
  id: z.string(),
  live: z.string(),
  /** The database that the archive is loaded into; absent for `--undo`, whose incoming one is kept. */
  scratch: z.string().nullable(),
  incoming: z.string(),
  /** Null: there was no live database. */
  previous: z.string().nullable(),
  /** Services to restart once the live name has changed hands. */
  clients: z.array(z.string()),
});

export type RestoreState = z.infer<typeof restoreStateSchema>;

export interface RowDifference {
  table: string;
  /** Null: there is no such table. */
  before: number | null;
  after: number | null;
}

export interface RestorePreview {
  /** Where the new content comes from: a file, or the name of an earlier database. */
  from: string;
  database: string;
  rows: RowDifference[];
  /** What a dump without a manifest says about itself. */
  notes: string[];
}

export interface RestoreInput {
  restartClients: boolean;
  /** Asked before the live database is touched; throws to stop. */
  confirm: (preview: RestorePreview) => Promise<void>;
  onProgress?: (phase: RestorePhase, bytes: number, expected: number) => void;
}

export type RestorePhase = 'fetch' | 'check' | 'copy' | 'load' | 'compare' | 'swap' | 'restart';

export interface Restored {
  /** Where the content came from. */
  from: string;
  /** The live database. */
  restored: string;
  /**
   * What the database before it is called now; of a physical backup, the folder that it lies in. Null: there was none.
   */
  previous: string | null;
  rows: RowDifference[];
  restarted: string[];
  /** Milliseconds in which nobody could connect. */
  swapMs: number;
}

/**
 * Restores a backup beside the live database, proves it, and then gives it the live name. The database before stays,
 * for `undo`. A failure before the swap leaves the live database untouched.
 *
 * @throws UserError of the checks (see {@link assertRestorable}), of exit 8 for a damaged or incomplete backup, what
 *   `confirm` throws, and NOT_HEALTHY (exit 6) when a service does not come back on the restored database.
 */
export async function restore(
  context: ServiceContext,
  input: RestoreInput & { file: string },
): Promise<Restored> {
  return changeDatabase(context, async (database) => {
    const file = await findOrFetch(context, database, input.file, {
      signal: context.signal,
      onBytes: (bytes) => input.onProgress?.('fetch', bytes, bytes),
    });
    const archive = await openArchive(file, {
      identities: () => readIdentities(context, database),
      processes: context.processes,
    });
    await assertOpens(archive);
    const progress = (phase: RestorePhase) => (bytes: number) =>
      input.onProgress?.(phase, bytes, archive.bytes);
    let examination: DumpExamination | undefined;
    const { manifest } = archive;
    if (manifest?.format === 'plain') {
      // psql takes a cut dump without a word.
      const reading = { signal: context.signal, onBytes: progress('check') };
      await proveContent(database, { ...archive, manifest }, reading);
    } else if (manifest) await proveDigest({ ...archive, manifest }, progress('check'));
    else {
      examination = await examineArchive(database, archive, {
        signal: context.signal,
        onBytes: progress('check'),
      });
    }
    if (manifest?.format === 'physical') {
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
    };
    const options = { applicationName: loadApplicationName(id), signal: context.signal };
    const live = await withMaintenance(database, options, (one) => assertSwappable(one, database));
    if (live === 'there') state.previous = derivedName(database.name, 'before', id);
    const session = await openLive(database, live, options);
    const journal = await beginJournal<RestoreState>(database.location.directory, {
      operation: RESTORE_OPERATION,
      id,
    });
    let swapped = false;
    try {
      await lockDatabase(session);
      await assertRestorable(database, session, archive, examination);
      const current = live === 'there' ? await readProperties(session) : undefined;
      const like = manifest?.database ?? current ?? (await serverDefaults(session, database));
      await journal.step('load', state);
      // What the live database has is counted while the other one is filled: the first reads, the second writes.
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
        analyze(database, state, options),
      ]);
      await warnOfReplication(context, database, state, options);
      await input.confirm({
        from: archive.file,
        database: database.name,
        rows: compareRows(before, after.tables),
        notes: [
          ...liveNotes(live, like, database),
          ...(examination?.problems.map(({ message }) => message) ?? []),
        ],
      });
      const wanted = wantedProperties(manifest?.database, current) ?? like;
      for (const lost of await applyProperties(database, state.incoming, wanted, options)) context.warn(lost);
      await session.close();
      const swapMs = await swapAndRestart(context, database, journal, state, input, () => {
        swapped = true;
      });
      return {
        from: archive.file,
        restored: state.live,
        previous: state.previous,
        rows: compareRows(before, after.tables),
        restarted: state.clients,
        swapMs,
      };
    } catch (error) {
      await session.close();
      await abandon(context, database, journal, state, swapped, error);
      throw error;
    }
  });
}

/**
 * Gives the newest database that a restore left aside its name back. The one that it replaces is left aside in turn,
 * so that undoing twice is no change.
 *
 * @throws UserError NOTHING_TO_UNDO, and as {@link restore}.
 */
export async function undo(context: ServiceContext, input: RestoreInput): Promise<Restored> {
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
    };
    const rows = compareRows(before, after);
    await warnOfReplication(context, database, state, options);
    const notes = live === 'there' ? [] : [`the server has no database ${database.name} to swap it with`];
    await input.confirm({ from: newest.name, database: database.name, rows, notes });
    const journal = await beginJournal<RestoreState>(database.location.directory, {
      operation: RESTORE_OPERATION,
      id,
    });
    let swapped = false;
    try {
      const swapMs = await swapAndRestart(context, database, journal, state, input, () => {
        swapped = true;
      });
      return {
        from: newest.name,
        restored: state.live,
        previous: state.previous,
        rows,
        restarted: state.clients,
        swapMs,
      };
    } catch (error) {
      await abandon(context, database, journal, state, swapped, error);
      throw error;
    }
  });
}

/**
 * Leaves the live database as it was before the swap. Where that fails, or the operation was interrupted after the
 * swap, the journal's entry stays for `recover`.
 */
async function abandon(
  context: ServiceContext,
  database: Database,
  journal: Journal<RestoreState>,
  state: RestoreState,
  swapped: boolean,
  error: unknown,
): Promise<void> {
  if (swapped) {
    if (error instanceof UserError) await journal.end();
    return;
  }
  try {
    await discard(database, state);
    await journal.end();
  } catch (failure) {
    if (!(failure instanceof UserError)) throw failure;
    context.warn(`what was restored so far could not be removed (${failure.message}); later: invctl recover`);
  }
}

export interface Forgotten {
  /** Names of databases, or folders of physical restores. */
  forgotten: string[];
}

/**
 * Drops the databases that restores left aside. Their content is lost: `confirm` has the person's word for it.
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

/** What a restore has made on the server before the swap: gone afterwards. */
export async function discard(database: Database, state: RestoreState): Promise<void> {
  const applicationName = loadApplicationName(state.id);
  await endSessions(database, applicationName);
  if (state.scratch === null) return;
  await dropDatabase(database, state.scratch, { applicationName: 'invctl' });
}

async function changeDatabase<T>(
  context: ServiceContext,
  change: (database: Database) => Promise<T>,
): Promise<T> {
  const location = context.project();
  const engine = await context.engine();
  return withProjectLock(
    location.directory,
    { command: `invctl ${RESTORE_OPERATION}`, signal: context.signal },
    async () => change(await findDatabase(engine, location)),
  );
}

async function proveScratch(
  context: ServiceContext,
  database: Database,
  state: RestoreState,
  options: { applicationName: string; signal: AbortSignal },
  expected: Facts | DumpExamination | undefined,
): Promise<Facts> {
  return withSession(database, { ...options, database: state.incoming }, async (session) => {
    const facts = await readFacts(session);
    await proveRestored(session, facts, expected ?? { tables: [] }, context);
    return facts;
  });
}

/** The planner knows nothing of a table that was just loaded. */
async function analyze(
  database: Database,
  state: RestoreState,
  options: { applicationName: string; signal: AbortSignal },
): Promise<void> {
  await withSession(database, { ...options, database: state.incoming }, (session) => session.run('ANALYZE;'));
}

/** @returns milliseconds in which nobody could connect. */
async function swapAndRestart(
  context: ServiceContext,
  database: Database,
  journal: Journal<RestoreState>,
  state: RestoreState,
  { onProgress }: RestoreInput,
  onSwapped: () => void,
): Promise<number> {
  await assertStillSwappable(context, database, state);
  await journal.step('swap', state);
  // From here on nothing stops it.
  context.signal.throwIfAborted();
  onProgress?.('swap', 0, 0);
  const swapMs = await swapDatabases(database, state.id, state);
  onSwapped();
  await journal.step('restart', state);
  onProgress?.('restart', 0, 0);
  await restartClients(context, database, state.clients, restartHint(state));
  await journal.end();
  return swapMs;
}

/**
 * The rows of a database; none where they cannot be counted, as in one that is damaged: all the more reason to replace
 * it.
 */
async function countIfReadable(
  context: ServiceContext,
  database: Database,
  options: SessionOptions,
): Promise<Facts['tables']> {
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

/** What to do where a service does not come back on the restored database. */
export function restartHint({ previous }: RestoreState): string {
  return previous === null ? 'invctl logs' : 'invctl logs, or go back: invctl db restore --undo';
}

/** The load took its time: what was so before it need not be so now. @throws UserError as {@link assertSwappable} */
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

/** What the preview says of a live database that is not there, or is none any more. */
function liveNotes(live: LiveState, like: Facts['database'], { name }: Database): string[] {
  if (live === 'there') return [];
  const made = `the restore makes it (owner ${like.owner}, ${like.encoding}, ${like.locale ?? like.collate})`;
  return live === 'absent'
    ? [`the server has no database ${name}: ${made}; there is nothing to undo it to`]
    : [
        `a DROP DATABASE of ${name} was cut off, and nobody can read what is left of it: it is dropped, and ${made}`,
      ];
}

/** A database that takes no connections is counted while it does, for a moment, from ours alone. */
async function countAside(
  context: ServiceContext,
  database: Database,
  name: string,
  options: SessionOptions,
): Promise<Facts['tables']> {
  await setAllowConnections(database, name, true);
  try {
    return await countIfReadable(context, database, { ...options, database: name });
  } finally {
    await setAllowConnections(database, name, false);
  }
}

export function compareRows(before: Facts['tables'], after: Facts['tables']): RowDifference[] {
  const names = new Set([...before, ...after].map(({ name }) => name));
  const rowsOf = (tables: Facts['tables'], name: string) =>
    tables.find((table) => table.name === name)?.rows ?? null;
  return [...names].sort().map((table) => ({
    table,
    before: rowsOf(before, table),
    after: rowsOf(after, table),
  }));
}

/** How the names of databases begin that restores left aside. */
export function beforePrefix(database: Database): string {
  return derivedPrefix(database.name, 'before', timeId(new Date(0)).length);
}

function nothingKept(code: string, message: string): UserError {
  return new UserError({ code, message, hint: 'invctl db list      (the backups)' });
}
