import { openArchive, proveContent, proveDigest } from '../../backup/archive.js';
import type { Archive } from '../../backup/archive-kinds.js';
import { recordBackupMetrics } from '../../backup/backup-metrics.js';
import { findOrFetch } from '../../backup/copies.js';
import { readIdentities } from '../../backup/encryption.js';
import { examineArchive } from '../../backup/examine-archive.js';
import { loadArchive } from '../../backup/load-archive.js';
import { formatManifest, type Level, type Manifest, manifestPath } from '../../backup/manifest.js';
import { UserError } from '../../errors.js';
import { type Database, findDatabase } from '../../postgres/database.js';
import type { DatabaseFacts } from '../../postgres/database-facts.js';
import { wantedProperties } from '../../postgres/database-properties.js';
import { derivedName, loadApplicationName } from '../../postgres/derived-names.js';
import { dropDatabase } from '../../postgres/drop-database.js';
import { readFacts } from '../../postgres/facts.js';
import { likeLive } from '../../postgres/live-database.js';
import { withSession } from '../../postgres/open-session.js';
import { endSessions } from '../../postgres/server-sessions.js';
import { writeFileAtomic } from '../../system/files.js';
import { withProjectLock } from '../../system/lock.js';
import { timeId } from '../../system/time-id.js';
import type { ServiceContext } from '../context.js';
import { type Expected, type ProofOptions, proveRestored } from './prove-restored.js';

export interface VerifyInput {
  /** A path, or the name of a backup, here or copied. */
  file: string;
  level: Level;
  onProgress?: (phase: VerifyPhase, bytes: number, expected: number) => void;
}

export type VerifyPhase = 'fetch' | 'hash' | 'read' | 'restore';

export interface Verification {
  /** Absolute path. */
  file: string;
  level: Level;
  /** The manifest as it is now on disk; absent for a file without one. */
  manifest?: Manifest;
  tables: { name: string; rows: number }[];
}

/**
 * Verifies a backup to `level`, and records the result in its manifest.
 *
 * @throws UserError of exit 8: BACKUP_UNREADABLE, DUMP_UNSAFE, RESTORE_FAILED, RESTORE_INCOMPLETE.
 */
export async function verify(context: ServiceContext, input: VerifyInput): Promise<Verification> {
  const location = context.project();
  const engine = await context.engine();
  return withProjectLock(location, { command: 'invctl db verify', signal: context.signal }, async () => {
    const database = await findDatabase(engine, location);
    const file = await findOrFetch(context, database, input.file, {
      signal: context.signal,
      onBytes: (bytes) => input.onProgress?.('fetch', bytes, bytes),
    });
    const verified = await verifyArchive(
      context,
      database,
      await openArchive(file, {
        identities: () => readIdentities(context, database),
        processes: context.processes,
      }),
      input,
    );
    await recordBackupMetrics(location, database.settings, context.warn);
    return verified;
  });
}

/** {@link verify} for a caller that holds the project's lock. */
export async function verifyArchive(
  context: ServiceContext,
  database: Database,
  archive: Archive,
  {
    level,
    onProgress,
    warn = context.warn,
  }: Pick<VerifyInput, 'level' | 'onProgress'> & Partial<Pick<ProofOptions, 'warn'>>,
): Promise<Verification> {
  const watch = (phase: VerifyPhase) => ({
    signal: context.signal,
    onBytes: (bytes: number) => onProgress?.(phase, bytes, archive.bytes),
  });
  const { manifest, file } = archive;
  const expected: Expected & Partial<Pick<DatabaseFacts, 'database'>> =
    manifest ?? (await examineArchive(database, archive, watch('read')));
  if (level === 3 && !expected.tables.every(({ contentHash }) => contentHash)) {
    throw new UserError({
      code: 'NO_CONTENT_HASH',
      message: `${file} carries no content hashes to compare with`,
      hint: 'invctl db backup --level 3      (takes one that does), or --level 2',
    });
  }
  if (manifest) {
    if (archive.kind === 'physical' && level >= 2) {
      throw new UserError({
        code: 'PHYSICAL_BACKUP',
        message: `${file} is a copy of a data folder, which no scratch database can take`,
        hint: `invctl db verify ${file} --level 1      (a restore of it is proved as well, and taken back if it fails)`,
      });
    }
    if (level === 0) await proveDigest({ ...archive, manifest }, watch('hash').onBytes);
    else await proveContent(database, { ...archive, manifest }, watch('read'));
  }
  const proved =
    level < 2
      ? level
      : await proveByRestoring(context, database, archive, expected, {
          level,
          onBytes: watch('restore').onBytes,
          warn,
        });
  const tables = expected.tables.map(({ name, rows }) => ({ name, rows }));
  if (!manifest) return { file, level: proved === 0 ? 1 : proved, tables };
  const verified: Manifest = {
    ...manifest,
    verification: {
      level: Math.max(proved, manifest.verification.level),
      at: new Date().toISOString(),
    },
  };
  await writeFileAtomic(manifestPath(file), formatManifest(verified), 0o600);
  return { file, level: proved, manifest: verified, tables };
}

/** @returns the level reached: 2 in place of 3 when contents could not be compared. */
async function proveByRestoring(
  context: ServiceContext,
  database: Database,
  archive: Archive,
  expected: Expected & Partial<Pick<DatabaseFacts, 'database'>>,
  {
    level,
    onBytes,
    warn,
  }: { level: Level; onBytes: (bytes: number) => void; warn: (message: string) => void },
): Promise<Level> {
  const id = timeId(new Date());
  const scratch = derivedName(database.name, 'verify', id);
  const applicationName = loadApplicationName(id);
  const like = wantedProperties(expected.database, await likeLive(database, applicationName));
  try {
    await loadArchive(database, { name: scratch, like }, archive, {
      id,
      signal: context.signal,
      onBytes,
      withoutSubscriptions: true,
    });
    return await withSession(
      database,
      { database: scratch, applicationName, signal: context.signal },
      async (session) => {
        const { incomparable } = await proveRestored(session, await readFacts(session), expected, {
          content: level === 3,
          warn,
        });
        return level === 3 && incomparable.length > 0 ? 2 : level;
      },
    );
  } finally {
    if (context.signal.aborted) await endSessions(database, applicationName).catch(() => {});
    await dropDatabase(database, scratch, { applicationName });
  }
}
