import type { Archive } from '../../backup/archive-kinds.js';
import type { DumpExamination } from '../../backup/plain-dump.js';
import type { Session } from '../../engine/database-access.js';
import { UserError } from '../../errors.js';
import { clientProgram, type Database, runProgram } from '../../postgres/database.js';
import { onlyRow } from '../../postgres/session.js';
import { shellWord } from '../../system/argv.js';
import { identifier, literal } from '../../system/sql.js';

/** Size of a restored database, with its indexes, divided by the size that the backed-up one had. */
const SPACE_FACTOR = 1.1;
/** Size of a database divided by the size of its compressed archive, used when the manifest gives no size. */
const USUAL_EXPANSION = 4;

/**
 * Checks before anything is done that the server can read the archive, and has its roles, its extensions and
 * enough disk space.
 *
 * @throws UserError NEWER_SERVER, NEWER_ARCHIVE, ROLES_MISSING, EXTENSIONS_MISSING, DATABASE_DISK_FULL
 */
export async function assertRestorable(
  database: Database,
  session: Session,
  archive: Archive,
  examination: DumpExamination | undefined,
): Promise<void> {
  const { manifest } = archive;
  const [reader, available] = await Promise.all([
    manifest && archive.kind === 'custom' ? clientProgram(database, 'pg_restore') : undefined,
    serverSpace(database),
  ]);
  const { server } = await onlyRow<{ server: number }>(
    session,
    `SELECT current_setting('server_version_num')::int / 10000 AS server`,
  );
  const from = manifest?.server.major ?? examination?.serverMajor;
  if (from !== undefined && from > server) {
    throw new UserError({
      code: 'NEWER_SERVER',
      message: `the backup is of a PostgreSQL ${from}, and the server here is a ${server}: newer dumps do not load into older servers`,
      hint: `invctl db upgrade --to ${from}      (then the same command again)`,
      details: { backup: from, server },
    });
  }
  if (manifest && reader && manifest.archive.major > reader.major) {
    throw new UserError({
      code: 'NEWER_ARCHIVE',
      message: `the archive was written by pg_dump ${manifest.archive.program}, which the pg_restore ${reader.program} here cannot read`,
      hint: 'restore it beside a newer PostgreSQL image',
      details: { archive: manifest.archive.major, programs: reader.major },
    });
  }
  if (manifest) {
    await assertKnown(session, {
      code: 'ROLES_MISSING',
      what: 'roles',
      wanted: manifest.roles.map(({ name }) => name),
      known: 'SELECT rolname AS name FROM pg_roles',
      hint: (names) =>
        `invctl db psql -- ${names.map((name) => `-c ${shellWord(`CREATE ROLE ${identifier(name)} LOGIN`)}`).join(' ')}      (then the same command again)`,
    });
    await assertKnown(session, {
      code: 'EXTENSIONS_MISSING',
      what: 'extensions',
      wanted: manifest.extensions.map(({ name }) => name),
      known: 'SELECT name FROM pg_available_extensions',
      hint: () =>
        `restore beside the image that the backup is of: ${manifest.image?.name ?? 'see its manifest'}`,
    });
  }
  assertRoom(
    available,
    (manifest?.database.bytes ?? archive.bytes * USUAL_EXPANSION) * SPACE_FACTOR + archive.bytes,
  );
}

/** @throws UserError with `code` naming what of `wanted` the server does not have. */
export async function assertKnown(
  session: Session,
  input: {
    code: string;
    what: string;
    wanted: readonly string[];
    known: string;
    hint: (missing: string[]) => string;
  },
): Promise<void> {
  if (input.wanted.length === 0) return;
  const values = input.wanted.map((name) => `(${literal(name)})`).join(', ');
  const rows = await session.rows<{ name: string }>(
    `SELECT name FROM (VALUES ${values}) wanted (name) WHERE name NOT IN (SELECT name FROM (${input.known}) k)`,
  );
  const missing = rows.map(({ name }) => name);
  if (missing.length === 0) return;
  throw new UserError({
    code: input.code,
    message: `the server lacks ${input.what} that the backup needs: ${missing.join(', ')}`,
    hint: input.hint(missing),
    details: { missing },
  });
}

/** {@link assertRoom} on the disk of the server's data. */
export async function assertServerSpace(database: Database, needed: number): Promise<void> {
  assertRoom(await serverSpace(database), needed);
}

/** Bytes free on the disk of the server's data, by POSIX `df`; undefined when `df` gives no number. */
async function serverSpace(database: Database): Promise<number | undefined> {
  const script = 'df -Pk "${PGDATA:-.}" | tail -n 1';
  const { status, stdout } = await runProgram(database, ['sh', '-c', script]);
  const available = Number(stdout.trim().split(/\s+/).at(-3)) * 1024;
  return status === 0 && Number.isFinite(available) ? available : undefined;
}

/**
 * @param available bytes; when it is unknown, the restore itself fails on a full disk, and it touches nothing
 * live.
 * @param needed bytes
 * @throws UserError DATABASE_DISK_FULL
 */
function assertRoom(available: number | undefined, needed: number): void {
  if (available === undefined || available >= needed) return;
  throw new UserError({
    code: 'DATABASE_DISK_FULL',
    message: `the disk of the server's data has ${Math.floor(available / 1e6)} MB left, and about ${Math.ceil(needed / 1e6)} MB are needed beside the live database`,
    hint: 'make room there, e.g. with: invctl db restore --forget, or docker system df',
    details: { available, needed: Math.ceil(needed) },
  });
}
