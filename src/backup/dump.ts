import type { Writable } from 'node:stream';
import type { Session } from '../engine/database-access.js';
import { withContentHashes } from '../postgres/content-hash.js';
import { clientProgram, connectionArguments, type Database } from '../postgres/database.js';
import type { DatabaseFacts } from '../postgres/database-facts.js';
import { readFacts } from '../postgres/facts.js';
import { warningsOfBackup } from '../postgres/objects.js';
import { openSession } from '../postgres/open-session.js';
import { describeLag, sequencesThatLag } from '../postgres/sequence-lag.js';
import { endSessions, lockDatabase } from '../postgres/server-sessions.js';
import { onlyRow } from '../postgres/session.js';
import { unqualifiedCalls } from '../postgres/unqualified-calls.js';
import type { World } from '../system/world.js';
import { assertSameRows } from './archive-reader.js';
import type { Level, Manifest } from './manifest.js';
import { dumpArchive, dumpSql } from './proved-dump.js';

/** First major whose pg_dump and pg_restore support zstd. */
const ZSTD_SINCE = 16;
const PROGRESS_MS = 250;

/** Formats of pg_dump: an archive for pg_restore, or SQL in gzip for any psql. */
export const DUMP_FORMATS = ['custom', 'plain'] as const;
export type DumpFormat = (typeof DUMP_FORMATS)[number];

export interface DumpProgress {
  bytes: number;
  /** Estimated size of the archive in bytes, from the size of the database. */
  expected?: number;
}

export type Dumped = Pick<Manifest, 'takenAt' | 'server' | 'archive' | 'compression'> & DatabaseFacts;

interface DumpInput {
  format: DumpFormat;
  /** Level 3 also hashes every table. */
  level: Level;
  onProgress?: ((progress: DumpProgress) => void) | undefined;
  applicationName: string;
  /** Receives the archive; it is not ended. */
  sink: Writable;
  bytesSoFar: () => number;
  /** Estimates the archive's bytes from the database's bytes. */
  expectedBytes?: (databaseBytes: number) => number;
  /** Called with the size of the database before anything is written. */
  onSize?: (bytes: number) => Promise<void>;
}

/**
 * Writes the archive into `sink`, reads it to its end, and reads the facts of the database in the same
 * snapshot.
 * @throws UserError BACKUP_FAILED, BACKUP_UNREADABLE (exit 8), SQL_FAILED.
 */
export async function dump(context: World, database: Database, input: DumpInput): Promise<Dumped> {
  const { applicationName } = input;
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const session = await openSession(database, { applicationName, signal });
  try {
    const [archive, server] = await Promise.all([clientProgram(database, 'pg_dump'), prepare(session)]);
    await input.onSize?.(server.bytes);
    await session.run('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;');
    const { snapshot } = await onlyRow<{ snapshot: string }>(
      session,
      'SELECT pg_export_snapshot() AS snapshot',
    );
    const takenAt = new Date().toISOString();
    const compression = input.format === 'custom' && archive.major >= ZSTD_SINCE ? 'zstd' : 'gzip';
    const stopWatching = watchBytes(input, server.bytes);
    const words = [
      ...connectionArguments(database),
      '--no-password',
      `--format=${input.format}`,
      `--compress=${compression === 'zstd' ? 'zstd:1' : '1'}`,
      `--snapshot=${snapshot}`,
      // The encoding of the database, not one from a setting of the database or a variable of the service:
      // that one may not be able to represent all characters of the data.
      `--encoding=${server.encoding}`,
    ];
    const options = { sink: input.sink, env: { PGAPPNAME: applicationName }, signal };
    const dumping = (
      input.format === 'plain'
        ? dumpSql(database, words, options)
        : dumpArchive(database, words, options).then(() => undefined)
    ).finally(stopWatching);
    const [{ facts, warnings }, examination] = await allOrStop(
      [factsOf(session, input.level), dumping],
      stop,
    );
    if (examination) assertSameRows(examination, facts.tables);
    for (const warning of warnings) context.warn(warning);
    return {
      ...facts,
      takenAt,
      server: { version: server.version, major: Math.floor(server.num / 10_000) },
      archive,
      compression,
    };
  } catch (error) {
    stop.abort();
    // Our clients have ended or are ending; their programs beside the server end only with their sessions.
    await endSessions(database, applicationName).catch(() => {});
    throw error;
  } finally {
    await session.close();
  }
}

async function prepare(session: Session): Promise<{
  version: string;
  num: number;
  bytes: number;
  encoding: string;
}> {
  await lockDatabase(session);
  return onlyRow(
    session,
    `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS num,
            pg_database_size(current_database()) AS bytes, getdatabaseencoding() AS encoding`,
  );
}

async function factsOf(
  session: Session,
  level: Level,
): Promise<{ facts: DatabaseFacts; warnings: string[] }> {
  const reading = { givesLocksBack: await hasTooManyRelations(session) };
  const facts = await readFacts(session, reading);
  const colliding = (await sequencesThatLag(session, reading)).filter(({ collides }) => collides);
  const warnings = [
    ...warningsOfBackup(facts.objects),
    ...colliding.map(describeLag),
    ...(await unqualifiedCalls(session)),
  ];
  return {
    facts: level < 3 ? facts : await withContentHashes(session, facts, reading),
    warnings,
  };
}

/**
 * Whether this session's locks would take more than half of what the server has room for; `pg_dump` needs as many.
 * Where they have room they are kept: a TRUNCATE, which empties a table in every snapshot, waits until all is read.
 */
async function hasTooManyRelations(session: Session): Promise<boolean> {
  const { many } = await onlyRow<{ many: boolean }>(
    session,
    `SELECT count(*) > current_setting('max_locks_per_transaction')::int * current_setting('max_connections')::int / 2 AS many
       FROM pg_class WHERE relkind IN ('r', 'i', 'S', 'm')`,
  );
  return many;
}

/** Returns all results. On an error it stops the others, waits for their end, and throws the first error. */
async function allOrStop<T extends readonly Promise<unknown>[]>(
  promises: [...T],
  stop: AbortController,
): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  try {
    return await Promise.all(promises);
  } catch (error) {
    stop.abort();
    await Promise.allSettled(promises);
    throw error;
  }
}

function watchBytes({ onProgress, bytesSoFar, expectedBytes }: DumpInput, databaseBytes: number): () => void {
  if (!onProgress) return () => {};
  const expected = expectedBytes?.(databaseBytes);
  const report = () => onProgress({ bytes: bytesSoFar(), ...(expected === undefined ? {} : { expected }) });
  report();
  const timer = setInterval(report, PROGRESS_MS);
  return () => clearInterval(timer);
}
