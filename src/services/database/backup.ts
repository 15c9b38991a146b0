import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { UserError } from '../../errors.js';
import { syncFolder, writeFileAtomic } from '../../system/files.js';
import { beginJournal, endEntry, readJournal } from '../../system/journal.js';
import { withProjectLock } from '../../system/lock.js';
import { packageVersion } from '../../system/package-version.js';
import type { ServiceContext } from '../context.js';
import type { Archive } from './archive.js';
import { ArchiveWriter, type Digest, hashFile } from './archive-file.js';
import { assertDigest, readWhole } from './archive-reader.js';
import {
  archiveName,
  assertSpace,
  backupFolder,
  listBackups,
  makeBackupFolder,
  removeBackup,
  type StoredBackup,
  timeId,
} from './backup-store.js';
import { withContentHashes } from './content-hash.js';
import {
  clientProgram,
  connectionArguments,
  type Database,
  findDatabase,
  programFailed,
  runProgram,
} from './database.js';
import { readFacts } from './facts.js';
import { type Facts, formatManifest, type Level, type Manifest, manifestPath } from './manifest.js';
import { type BackupState, recoverBackup } from './recover-backup.js';
import { endSessions, lockDatabase } from './server-sessions.js';
import { lacksClientPrograms, onlyRow, openSession, type Session } from './session.js';
import { verifyArchive } from './verify.js';

/** Of a dump against the database that it was made of, where there is no earlier backup to learn from. */
const USUAL_RATIO = 0.35;
/** pg_dump and pg_restore know zstd from this major on. */
const ZSTD_SINCE = 16;
const PROGRESS_MS = 250;
const BACKUP_OPERATION = 'db backup';

export interface BackupInput {
  /** Path of the new archive; absent: a name that sorts by time, in the project's backup folder. */
  output?: string;
  /** How far to prove it. Level 3 hashes every table, in the backup's snapshot. */
  level: Exclude<Level, 0>;
  /** Hash every table as level 3 does, for a caller who restores the backup and compares. */
  hashContent?: boolean;
  onProgress?: (progress: BackupProgress) => void;
}

export interface BackupProgress {
  phase: 'dump' | 'restore';
  bytes: number;
  /** Bytes that the archive will have, as far as the last backup tells. */
  expected?: number;
}

export interface Backup extends StoredBackup {
  /** Absolute path. */
  manifestFile: string;
}

/**
 * Takes a backup of the project's database while the app goes on writing, and proves it before it counts.
 *
 * @throws UserError of the project lock, SERVICE_NOT_RUNNING, BACKUP_FAILED, DISK_FULL, FILE_EXISTS; nothing is left
 *   on disk then. Exit 8 (BACKUP_UNREADABLE) when what was written does not read back.
 */
export async function backup(context: ServiceContext, input: BackupInput): Promise<Backup> {
  const location = context.project();
  const engine = await context.engine();
  return withProjectLock(
    location.directory,
    { command: 'invctl db backup', signal: context.signal },
    async () => {
      const database = await findDatabase(engine, location);
      return backupToFile(context, database, input);
    },
  );
}

/** {@link backup} for a caller that holds the project's lock and has found the database. */
export async function backupToFile(
  context: ServiceContext,
  database: Database,
  input: BackupInput,
): Promise<Backup> {
  const started = new Date();
  const id = timeId(started);
  const folder = backupFolder(database.location, database.settings);
  await clearKilledBackups(context, database);
  const cold = (await lacksClientPrograms(database)) ? await import('./cold-copy.js') : undefined;
  if (cold && input.level > 1) throw physicalLevel();
  const format = cold ? 'physical' : 'custom';
  const file =
    input.output === undefined
      ? join(folder, archiveName(database.location.name, id, format))
      : resolve(context.directory, input.output);
  if (existsSync(file) || existsSync(manifestPath(file))) {
    throw new UserError({
      code: 'FILE_EXISTS',
      message: `${file} exists already; a backup never overwrites one`,
      hint: 'name another file with -o',
      file,
    });
  }
  await makeBackupFolder(dirname(file));
  const [last] = await listBackups(folder);
  const partial = `${file}.partial`;
  const applicationName = newApplicationName();
  const journal = await beginJournal<BackupState>(database.location.directory, {
    operation: BACKUP_OPERATION,
    id,
    harmless: true,
  });
  await journal.step('dump', { partial, applicationName });
  let writer: ArchiveWriter | undefined;
  try {
    const archive = await ArchiveWriter.create(partial);
    writer = archive;
    const onSize = (bytes: number) => assertSpace(dirname(file), bytes * ratioOf(last));
    const dumped = cold
      ? await cold.coldCopy(context, database, {
          sink: archive,
          applicationName,
          onSize,
          onStop: (stopped: readonly string[]) =>
            journal.step('copy', { partial, applicationName, stopped: [...stopped] }),
        })
      : await dump(context, database, {
          ...input,
          applicationName,
          sink: archive,
          bytesSoFar: () => archive.bytes,
          expectedBytes: last?.manifest.bytes,
          onSize,
        });
    const digest = await archive.finish();
    if (cold) await cold.proveFolderArchive(partial, digest);
    // What was read whole as it passed is what lies on the disk.
    else assertDigest(await hashFile(partial), digest);
    const manifest: Manifest = {
      manifestVersion: 1,
      id,
      project: database.location.name,
      file: basename(file),
      format,
      ...digest,
      seconds: (Date.now() - started.getTime()) / 1000,
      engine: database.engine.kind,
      image: await imageOf(database),
      ...dumped,
      invctl: packageVersion(),
      verification: { level: 1, at: new Date().toISOString() },
    };
    await commit(partial, file, manifest);
    const proved =
      input.level === 1
        ? manifest
        : await proveCommitted(
            context,
            database,
            { file, kind: format, bytes: digest.bytes, manifest },
            input,
          );
    return { file, manifest: proved, manifestFile: manifestPath(file) };
  } catch (error) {
    await writer?.abandon();
    await rm(partial, { force: true });
    throw error;
  } finally {
    await journal.end();
  }
}

/** Clears away what earlier backups left that were killed. The caller holds the project's lock. */
async function clearKilledBackups(context: ServiceContext, { location }: Database): Promise<void> {
  for (const entry of await readJournal(location.directory)) {
    if (entry.operation !== BACKUP_OPERATION) continue;
    const { message } = await recoverBackup(context, entry);
    await endEntry(location.directory, entry.id);
    context.warn(`a backup of ${entry.since} was killed: ${message}`);
  }
}

function physicalLevel(): UserError {
  return new UserError({
    code: 'PHYSICAL_BACKUP',
    message:
      'this PostgreSQL has no pg_dump, and a copy of its data folder restores into no scratch database',
    hint: '--level 1, or install a complete PostgreSQL (Debian: postgresql)',
  });
}

function newApplicationName(): string {
  return `invctl-backup-${randomBytes(6).toString('hex')}`;
}

/**
 * Streams a backup to a pipe, reading it back as it passes. It has no manifest: nothing that could be named holds
 * the archive.
 *
 * @throws UserError as {@link backup}; what has passed by then is no backup.
 */
export async function backupToStream(
  context: ServiceContext,
  stdout: Writable,
  input: Pick<BackupInput, 'onProgress'>,
): Promise<Digest> {
  const location = context.project();
  const engine = await context.engine();
  return withProjectLock(
    location.directory,
    { command: 'invctl db backup', signal: context.signal },
    async () => {
      const database = await findDatabase(engine, location);
      const hash = createHash('sha256');
      let bytes = 0;
      const sink = new Writable({
        write(chunk: Buffer, _encoding, done) {
          hash.update(chunk);
          bytes += chunk.length;
          stdout.write(chunk, done);
        },
      });
      await dump(context, database, {
        ...input,
        applicationName: newApplicationName(),
        level: 1,
        sink,
        bytesSoFar: () => bytes,
      });
      return { bytes, sha256: hash.digest('hex') };
    },
  );
}

type Dumped = Pick<Manifest, 'takenAt' | 'server' | 'archive' | 'compression'> & Facts;

interface DumpInput extends Pick<BackupInput, 'level' | 'hashContent' | 'onProgress'> {
  applicationName: string;
  sink: Writable;
  bytesSoFar: () => number;
  expectedBytes?: number | undefined;
  /** Called with the size of the database before anything is written. */
  onSize?: (bytes: number) => Promise<void>;
}

/** The archive into `sink`, and what the database was in the very snapshot that the archive is of. */
async function dump(context: ServiceContext, database: Database, input: DumpInput): Promise<Dumped> {
  const { applicationName } = input;
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const session = await openSession(database, { applicationName, signal });
  try {
    // A dump may take longer than what an administrator allows the app.
    await session.run('SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;');
    await lockDatabase(session);
    const archive = await clientProgram(database, 'pg_dump');
    const server = await onlyRow<{ version: string; num: number; bytes: number }>(
      session,
      `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS num,
              pg_database_size(current_database()) AS bytes`,
    );
    await input.onSize?.(server.bytes);
    await session.run('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;');
    const { snapshot } = await onlyRow<{ snapshot: string }>(
      session,
      'SELECT pg_export_snapshot() AS snapshot',
    );
    const takenAt = new Date().toISOString();
    const compression = archive.major >= ZSTD_SINCE ? 'zstd' : 'gzip';
    const stopWatching = watchBytes(input);
    const copy = new PassThrough();
    const reading = readWhole(database, copy, signal);
    const dumping = runProgram(
      database,
      [
        'pg_dump',
        ...connectionArguments(database),
        '--no-password',
        '--format=custom',
        `--compress=${compression === 'zstd' ? 'zstd:1' : '1'}`,
        `--snapshot=${snapshot}`,
      ],
      { output: intoBoth(input.sink, copy), env: { PGAPPNAME: applicationName }, signal },
    )
      .finally(() => {
        stopWatching();
        copy.end();
      })
      .then((result) => {
        if (result.status === 0) return;
        throw programFailed('BACKUP_FAILED', 'pg_dump failed; nothing was kept', result);
      });
    const [facts] = await allOrStop([factsOf(session, input), dumping, reading], stop);
    return {
      ...facts,
      takenAt,
      server: { version: server.version, major: Math.floor(server.num / 10_000) },
      archive,
      compression,
    };
  } catch (error) {
    stop.abort();
    // Our clients are gone or going; their programs beside the server end only when their sessions do.
    await endSessions(database, applicationName).catch(() => {});
    throw error;
  } finally {
    await session.close();
  }
}

/** Takes a stream into a sink and to a reader of it; a reader that has read enough holds nobody up. */
function intoBoth(sink: Writable, reader: PassThrough): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      const written = new Promise<void>((resolve, reject) => {
        sink.write(chunk, (error) => (error ? reject(error) : resolve()));
      });
      const taken = new Promise<void>((resolve) => {
        if (reader.destroyed || reader.write(chunk)) return resolve();
        const goOn = () => {
          reader.off('drain', goOn).off('close', goOn);
          resolve();
        };
        reader.on('drain', goOn).on('close', goOn);
      });
      Promise.all([written, taken]).then(() => done(), done);
    },
  });
}

async function factsOf(session: Session, { level, hashContent }: DumpInput): Promise<Facts> {
  const facts = await readFacts(session);
  return level < 3 && !hashContent ? facts : withContentHashes(session, facts);
}

/** All results, or the first error, once the others were stopped and have ended. */
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

function watchBytes({ onProgress, bytesSoFar, expectedBytes }: DumpInput): () => void {
  if (!onProgress) return () => {};
  const report = () =>
    onProgress({
      phase: 'dump',
      bytes: bytesSoFar(),
      ...(expectedBytes === undefined ? {} : { expected: expectedBytes }),
    });
  report();
  const timer = setInterval(report, PROGRESS_MS);
  return () => clearInterval(timer);
}

/** Bytes of an archive for each byte of its database. */
function ratioOf(last: StoredBackup | undefined): number {
  if (!last || last.manifest.database.bytes === 0) return USUAL_RATIO;
  return last.manifest.bytes / last.manifest.database.bytes;
}

async function imageOf(database: Database): Promise<Manifest['image']> {
  const [details] = await database.engine.inspect(database.location, database.service.name);
  if (!details?.image) return null;
  return { name: details.image, ...(details.imageId ? { digest: details.imageId } : {}) };
}

/** What does not pass the level that was asked for is no backup. */
async function proveCommitted(
  context: ServiceContext,
  database: Database,
  archive: Archive,
  { level, onProgress }: BackupInput,
): Promise<Manifest> {
  try {
    const { manifest } = await verifyArchive(context, database, archive, {
      level,
      onProgress: (_, bytes, expected) => onProgress?.({ phase: 'restore', bytes, expected }),
    });
    return manifest as Manifest;
  } catch (error) {
    await removeBackup(archive.file);
    throw error;
  }
}

/** The archive first, the manifest last: what has no manifest is no backup. */
async function commit(partial: string, file: string, manifest: Manifest): Promise<void> {
  await rename(partial, file);
  await syncFolder(dirname(file));
  try {
    await writeFileAtomic(manifestPath(file), formatManifest(manifest), 0o600);
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
}
