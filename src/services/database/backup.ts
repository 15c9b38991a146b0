import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { openArchive } from '../../backup/archive.js';
import { ArchiveWriter, type Digest, hashFile } from '../../backup/archive-file.js';
import type { Archive } from '../../backup/archive-kinds.js';
import { assertDigest } from '../../backup/archive-reader.js';
import {
  archiveName,
  assertSpace,
  backupFolder,
  commitBackup,
  listBackups,
  makeBackupFolder,
  removeBackup,
  type StoredBackup,
} from '../../backup/backup-folder.js';
import { recordBackupMetrics } from '../../backup/backup-metrics.js';
import { copyTaken } from '../../backup/copies.js';
import { type Dumped, type DumpFormat, type DumpProgress, dump } from '../../backup/dump.js';
import { encryptInto, readIdentities } from '../../backup/encryption.js';
import { type Level, type Manifest, manifestPath } from '../../backup/manifest.js';
import { UserError } from '../../errors.js';
import { type Database, findDatabase, lacksClientPrograms } from '../../postgres/database.js';
import { backupPlace } from '../../project/settings-file.js';
import { readJournal } from '../../system/journal.js';
import { withProjectLock } from '../../system/lock.js';
import { packageVersion } from '../../system/package-version.js';
import { timeId } from '../../system/time-id.js';
import type { ServiceContext } from '../context.js';
import { perform, recoverEntry } from '../operation.js';
import { backupOperation } from './backup-operation.js';
import { verifyArchive } from './verify.js';

/**
 * Size of a dump divided by the size of its database, assumed when there is no earlier backup to learn from.
 */
const USUAL_RATIO = 0.35;

export interface BackupInput {
  /** Path of the new archive; absent: a name that sorts by time, in the project's backup folder. */
  output?: string;
  /** Default: custom; a copy of the data folder for a PostgreSQL without pg_dump. */
  format?: DumpFormat;
  /** How far to verify the backup. Level 3 hashes every table, in the backup's snapshot. */
  level: Exclude<Level, 0>;
  /** Hash every table as level 3 does, for a caller that restores the backup and compares. */
  hashContent?: boolean;
  onProgress?: (progress: BackupProgress) => void;
}

export interface BackupProgress extends DumpProgress {
  phase: 'dump' | 'restore' | 'copy';
}

export interface Backup extends StoredBackup {
  /** Absolute path. */
  manifestFile: string;
  /** Address of its copy, if invctl.yaml names a place for copies. */
  copy?: string;
}

/**
 * Takes a backup of the project's database while the app goes on writing, and verifies it before it counts as
 * a backup.
 *
 * @throws UserError of the project lock, SERVICE_NOT_RUNNING, BACKUP_FAILED, DISK_FULL, FILE_EXISTS; nothing
 * is left on disk then. Exit 8 (BACKUP_UNREADABLE) when the written archive cannot be read back. COPY_FAILED
 * when the backup is complete here but was not copied.
 */
export async function backup(context: ServiceContext, input: BackupInput): Promise<Backup> {
  const location = context.project();
  const engine = await context.engine();
  return withProjectLock(location, { command: 'invctl db backup', signal: context.signal }, async () => {
    const database = await findDatabase(engine, location);
    const taken = await backupToFile(context, database, input);
    const copy = await copyTaken(context, database, taken, {
      signal: context.signal,
      onBytes: (bytes) => input.onProgress?.({ phase: 'copy', bytes, expected: taken.manifest.bytes }),
    });
    return { ...taken, ...(copy === undefined ? {} : { copy }) };
  });
}

/** {@link backup} for a caller that holds the project's lock and has found the database. */
export async function backupToFile(
  context: ServiceContext,
  database: Database,
  input: BackupInput,
): Promise<Backup> {
  const started = new Date();
  await clearKilledBackups(context, database);
  const plan = await planBackup(context, database, input, started);
  const { id, file, applicationName } = plan;
  const partial = `${file}.partial`;
  const state = { partial, applicationName, stopped: [] as string[] };
  return perform(backupOperation, context, { id, state, subject: database }, async (run) => {
    await run.begin('dump');
    const archive = await ArchiveWriter.create(partial);
    const onStop = async (stopped: readonly string[]) => {
      state.stopped = [...stopped];
      await run.begin('copy');
    };
    try {
      const dumped = await dumpInto(archive, context, database, plan, { ...input, onStop });
      const digest = await archive.finish();
      // The stream was verified as it passed; this checks that the file on disk is the same.
      assertDigest(await hashFile(partial), digest);
      const manifest = await newManifest(database, plan, dumped, digest);
      await commitBackup(partial, file, manifest);
      const committed = { file, manifest, manifestFile: manifestPath(file) };
      if (input.level > 1) {
        const written = await openArchive(file, {
          identities: async () => plan.identities ?? readIdentities(context, database),
          processes: context.processes,
        });
        committed.manifest = await proveCommitted(context, database, written, input);
      }
      await recordBackupMetrics(database.location, database.settings, context.warn);
      return committed;
    } catch (error) {
      await archive.abandon();
      throw error;
    }
  });
}

interface BackupPlan {
  id: string;
  started: Date;
  /** Absolute path of the new archive. */
  file: string;
  format: Manifest['format'];
  /** Set if the server has no pg_dump: its data folder is copied instead. */
  cold: typeof import('../../backup/physical-backup.js') | undefined;
  /** Public keys that the archive is encrypted to. */
  recipients: string[] | undefined;
  /** Set if the encrypted archive has to be read again. */
  identities: Awaited<ReturnType<typeof readIdentities>> | undefined;
  /** Estimated bytes of archive per byte of database. */
  ratio: number;
  /** Of the server sessions. */
  applicationName: string;
}

/** @throws UserError PHYSICAL_BACKUP, FILE_EXISTS, and those of the identities and the folder */
async function planBackup(
  context: ServiceContext,
  database: Database,
  input: BackupInput,
  started: Date,
): Promise<BackupPlan> {
  const id = timeId(started);
  const folder = backupFolder(database.location, database.settings);
  const cold = (await lacksClientPrograms(database))
    ? await import('../../backup/physical-backup.js')
    : undefined;
  if (cold && (input.level > 1 || input.format)) throw physicalOnly(input);
  const format = cold ? 'physical' : (input.format ?? 'custom');
  const recipients = database.settings.backup.encryptTo;
  // Read before the dump starts, so that a wrong name fails early.
  const identities = recipients && input.level > 1 ? await readIdentities(context, database) : undefined;
  const file =
    input.output === undefined
      ? join(folder, archiveName(database.location.name, id, { format, encrypted: recipients !== undefined }))
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
  const last = (await listBackups(folder)).find(({ manifest }) => manifest.format === format);
  const applicationName = newApplicationName();
  return { id, started, file, format, cold, recipients, identities, ratio: ratioOf(last), applicationName };
}

/** Dumps the database, or copies its data folder, into the archive. */
async function dumpInto(
  archive: ArchiveWriter,
  context: ServiceContext,
  database: Database,
  { file, cold, recipients, ratio, applicationName }: BackupPlan,
  input: BackupInput & { onStop: (stopped: readonly string[]) => Promise<void> },
): Promise<Dumped> {
  const sink = recipients ? await encryptInto(archive, recipients) : archive;
  const onSize = (bytes: number) => assertSpace(dirname(file), bytes * ratio);
  const dumped = cold
    ? await cold.coldCopy(context, database, { sink, applicationName, onSize, onStop: input.onStop })
    : await dump(context, database, {
        format: input.format ?? 'custom',
        level: input.hashContent ? 3 : input.level,
        onProgress: (progress) => input.onProgress?.({ phase: 'dump', ...progress }),
        applicationName,
        sink,
        bytesSoFar: () => archive.bytes,
        expectedBytes: (bytes) => bytes * ratio,
        onSize,
      });
  if (sink !== archive) await ended(sink);
  return dumped;
}

async function newManifest(
  database: Database,
  { id, started, file, format, recipients }: BackupPlan,
  dumped: Dumped,
  digest: Digest,
): Promise<Manifest> {
  const place = backupPlace(database.location);
  return {
    manifestVersion: 1,
    id,
    project: database.location.name,
    ...(place === undefined ? {} : { place }),
    file: basename(file),
    format,
    ...(recipients ? { encryption: { format: 'age', recipients } } : {}),
    ...digest,
    seconds: (Date.now() - started.getTime()) / 1000,
    engine: database.engine.kind,
    image: await imageOf(database),
    ...dumped,
    invctl: packageVersion(),
    verification: { level: 1, at: new Date().toISOString() },
  };
}

/** Removes what killed backups left. The caller holds the project's lock. */
async function clearKilledBackups(context: ServiceContext, { location }: Database): Promise<void> {
  for (const entry of await readJournal(location)) {
    if (entry.operation !== backupOperation.name) continue;
    const { message } = await recoverEntry(backupOperation, context, entry);
    context.warn(`a backup of ${entry.since} was killed: ${message}`);
  }
}

function physicalOnly({ format }: BackupInput): UserError {
  return new UserError({
    code: 'PHYSICAL_BACKUP',
    message: `this PostgreSQL has no pg_dump, and a copy of its data folder ${format ? `is not a ${format} dump` : 'cannot be restored into a scratch database'}`,
    hint: `${format ? 'without --format' : '--level 1'}, or install a complete PostgreSQL (Debian: postgresql)`,
  });
}

function newApplicationName(): string {
  return `invctl-backup-${randomBytes(6).toString('hex')}`;
}

/**
 * Streams a backup to a pipe and reads it back as it passes. The backup has no manifest, because there is no
 * file to put one beside.
 *
 * @throws UserError as {@link backup}; the bytes that have passed by then are not a backup.
 */
export async function backupToStream(
  context: ServiceContext,
  stdout: Writable,
  input: Pick<BackupInput, 'format' | 'onProgress'>,
): Promise<Digest> {
  const location = context.project();
  const engine = await context.engine();
  return withProjectLock(location, { command: 'invctl db backup', signal: context.signal }, async () => {
    const database = await findDatabase(engine, location);
    const hash = createHash('sha256');
    let bytes = 0;
    const hashed = new Writable({
      write(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        bytes += chunk.length;
        stdout.write(chunk, done);
      },
    });
    const recipients = database.settings.backup.encryptTo;
    const sink = recipients ? await encryptInto(hashed, recipients) : hashed;
    await dump(context, database, {
      format: input.format ?? 'custom',
      onProgress: (progress) => input.onProgress?.({ phase: 'dump', ...progress }),
      applicationName: newApplicationName(),
      level: 1,
      sink,
      bytesSoFar: () => bytes,
      expectedBytes: (databaseBytes) => databaseBytes * USUAL_RATIO,
    });
    if (sink !== hashed) await ended(sink);
    return { bytes, sha256: hash.digest('hex') };
  });
}

/** Ends a stream, and waits until it has finished. */
async function ended(stream: Writable): Promise<void> {
  stream.end();
  await finished(stream);
}

/** Bytes of archive per byte of database. */
function ratioOf(last: StoredBackup | undefined): number {
  if (!last || last.manifest.database.bytes === 0) return USUAL_RATIO;
  return last.manifest.bytes / last.manifest.database.bytes;
}

async function imageOf(database: Database): Promise<Manifest['image']> {
  const [details] = await database.engine.inspect(database.location, database.service.name);
  if (!details?.image) return null;
  return { name: details.image, ...(details.imageId ? { digest: details.imageId } : {}) };
}

/** Verifies a backup to the level that was asked for, and fails when it does not reach it. */
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
      // The backup has already given these warnings about the live database.
      warn: () => {},
    });
    return manifest as Manifest;
  } catch (error) {
    await removeBackup(archive.file);
    throw error;
  }
}
