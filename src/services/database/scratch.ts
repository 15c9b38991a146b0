import { availableParallelism } from 'node:os';
import { Readable } from 'node:stream';
import { ExitCode, UserError } from '../../errors.js';
import { type Archive, readArchive } from './archive.js';
import { readHashed } from './archive-file.js';
import { unreadable } from './archive-reader.js';
import { connectionArguments, type Database, programFailed, runProgram } from './database.js';
import type { Facts } from './manifest.js';
import { dumpLines, restorableLines } from './plain-dump.js';
import { maintenanceDatabase } from './server-sessions.js';
import { type Session, withSession } from './session.js';
import { identifier, literal } from './sql.js';

/** More than four make no restore faster: the largest table decides. */
const MAXIMUM_JOBS = 4;
/**
 * For indexes that are built in memory, and commits that wait for no disk: the renames come after them in the same
 * log, and do wait.
 */
const LOAD_SETTINGS = '-c maintenance_work_mem=128MB -c synchronous_commit=off';
/** How long a session has to end after it was told to, in milliseconds. */
const TERMINATION_MS = 60_000;
/** PostgreSQL cuts longer identifiers, in bytes. */
const IDENTIFIER_BYTES = 63;

/** `shop_before_20261123t005853z`, cut where PostgreSQL would. */
export function derivedName(database: string, purpose: 'restore' | 'verify' | 'before', id: string): string {
  return `${derivedPrefix(database, purpose, id.length)}${id.toLowerCase()}`;
}

export function derivedPrefix(database: string, purpose: string, idLength: number): string {
  const suffix = `_${purpose}_`;
  let base = database;
  while (Buffer.byteLength(base) + suffix.length + idLength > IDENTIFIER_BYTES) base = base.slice(0, -1);
  return base + suffix;
}

/** An empty database like another one: encoding, locale and owner. */
async function createDatabase(session: Session, name: string, like: Facts['database']): Promise<void> {
  const provider =
    like.localeProvider === 'libc'
      ? ''
      : `LOCALE_PROVIDER ${like.localeProvider} ${like.localeProvider === 'icu' ? 'ICU_LOCALE' : 'BUILTIN_LOCALE'} ${literal(like.locale ?? '')}`;
  await session.run(
    `CREATE DATABASE ${identifier(name)} WITH TEMPLATE template0 OWNER ${identifier(like.owner)}
       ENCODING ${literal(like.encoding)} LC_COLLATE ${literal(like.collate)} LC_CTYPE ${literal(like.ctype)} ${provider};`,
  );
}

export async function dropDatabase(session: Session, name: string): Promise<void> {
  // FORCE ends sessions as well, but gives up on one that has not gone after five seconds, as on a busy machine.
  await session.run(`
    SELECT pg_terminate_backend(pid, ${TERMINATION_MS}) FROM pg_stat_activity
     WHERE datname = ${literal(name)} AND pid <> pg_backend_pid();
    DROP DATABASE IF EXISTS ${identifier(name)} WITH (FORCE);`);
}

export interface LoadOptions {
  /** Of the operation: names the copy in the container and our sessions. */
  id: string;
  signal: AbortSignal;
  onBytes?: (total: number) => void;
}

export function loadApplicationName(id: string): string {
  return `invctl-restore-${id}`;
}

/** Where the container's copy of an archive lies while it is restored. */
function archiveCopy(id: string): string {
  return `/tmp/invctl-${id}.dump`;
}

/** A database that is to be. */
export interface NewDatabase {
  name: string;
  /** Whose encoding, locale and owner it gets. */
  like: Facts['database'];
}

/**
 * Makes a database and loads an archive into it. The first error ends it.
 * @throws UserError RESTORE_FAILED, BACKUP_UNREADABLE (exit 8) when the copy is not what the file is.
 */
export async function loadArchive(
  database: Database,
  { name: target, like }: NewDatabase,
  archive: Archive,
  options: LoadOptions,
): Promise<void> {
  const { signal } = options;
  const applicationName = loadApplicationName(options.id);
  const env = { PGAPPNAME: applicationName, PGCLIENTENCODING: 'UTF8', PGOPTIONS: LOAD_SETTINGS };
  await withSession(
    database,
    { database: maintenanceDatabase(database), applicationName, signal },
    (session) => createDatabase(session, target, like),
  );
  if (archive.kind === 'plain') {
    const { stream } = await readArchive(archive, options.onBytes);
    const command = [
      'psql',
      ...connectionArguments(database, target),
      '--no-psqlrc',
      '--no-password',
      '--quiet',
      '--set=ON_ERROR_STOP=1',
      '--file=-',
    ];
    const input = Readable.from(restorableLines(dumpLines(stream)));
    const result = await runProgram(database, command, { input, env, signal });
    if (result.status !== 0) throw programFailed('RESTORE_FAILED', 'the dump does not restore', result);
    return;
  }
  const command = [
    'pg_restore',
    ...connectionArguments(database, target),
    '--no-password',
    '--exit-on-error',
  ];
  const run = async (words: readonly string[], input?: Readable) => {
    const result = await runProgram(database, [...command, ...words], {
      env,
      signal,
      ...(input ? { input } : {}),
    });
    if (result.status !== 0) throw programFailed('RESTORE_FAILED', 'the archive does not restore', result);
  };
  // No disk gets to see what is decrypted, so a pipe it is, and one job.
  if (archive.decrypt) return run([], (await readArchive(archive, options.onBytes)).stream);
  const jobs = `--jobs=${Math.min(MAXIMUM_JOBS, availableParallelism())}`;
  // Several jobs read the archive at once, which a pipe does not allow. Where there are no containers, the file
  // itself will do.
  if (database.engine.kind === 'embedded') return run([jobs, archive.file]);
  const path = archiveCopy(options.id);
  try {
    await copyIn(database, archive, path, options);
    await run([jobs, path]);
  } finally {
    await removeCopy(database, options.id);
  }
}

/** Copies an archive into the container, hashes it there, and compares. */
async function copyIn(
  database: Database,
  archive: Archive,
  path: string,
  options: LoadOptions,
): Promise<void> {
  const { stream, digest } = readHashed(archive.file, options.onBytes);
  const script = 'umask 077; cat > "$1" && sha256sum "$1"';
  const result = await runProgram(database, ['sh', '-c', script, 'sh', path], {
    input: stream,
    signal: options.signal,
  });
  if (result.status === 0 && result.stdout.startsWith(digest().sha256)) return;
  if (result.status !== 0) {
    throw programFailed('RESTORE_FAILED', 'the archive cannot be copied to the database', result);
  }
  throw unreadable('what arrived at the database is not what the file holds', 'run the same command again');
}

/** Removes the container's copy of an archive; safe where there is none. */
export async function removeCopy(database: Database, id: string): Promise<void> {
  if (database.engine.kind === 'embedded') return;
  await runProgram(database, ['rm', '-f', archiveCopy(id)]).catch(() => {});
}

/**
 * Level 2: what was restored has the tables, rows and objects that the backup had, every constraint and index is
 * valid, and every sequence gives a value that can be inserted.
 *
 * @param facts of `session`'s database.
 * @throws UserError RESTORE_INCOMPLETE (exit 8) naming each difference.
 */
export async function proveRestored(
  session: Session,
  facts: Facts,
  expected: Pick<Facts, 'tables'> & Partial<Pick<Facts, 'objects' | 'sequences'>>,
): Promise<void> {
  const differences = [
    ...compareTables(expected.tables, facts.tables, expected.objects !== undefined),
    ...(expected.objects ? compareObjects(expected.objects, facts.objects) : []),
    ...(expected.sequences
      ? expected.sequences
          .filter(({ name }) => !facts.sequences.some((sequence) => sequence.name === name))
          .map(({ name }) => `the sequence ${name} is missing`)
      : []),
    ...(await invalidIndexes(session)),
    ...(await probeSequences(session)),
  ];
  if (differences.length === 0) return;
  throw new UserError({
    code: 'RESTORE_INCOMPLETE',
    message: `the restored database is not what the backup was of:\n${differences.slice(0, 20).join('\n')}`,
    hint: 'take another backup, or restore an earlier one: invctl db list',
    exitCode: ExitCode.dataUnverified,
    details: { differences },
  });
}

/** @param all whether `expected` names every table there is; the text of a dump need not. */
function compareTables(expected: Facts['tables'], found: Facts['tables'], all: boolean): string[] {
  const rows = new Map(found.map((table) => [table.name, table]));
  const names = new Set(expected.map(({ name }) => name));
  return [
    ...expected.flatMap((table) => {
      const other = rows.get(table.name);
      if (!other) return [`the table ${table.name} is missing`];
      if (other.rows !== table.rows) {
        return [`${table.name} has ${other.rows} rows in place of ${table.rows}`];
      }
      if (table.contentHash && other.contentHash && other.contentHash !== table.contentHash) {
        return [`the content of ${table.name} differs`];
      }
      return [];
    }),
    ...found
      .filter(({ name }) => all && !names.has(name))
      .map(({ name }) => `the table ${name} should not be there`),
  ];
}

function compareObjects(expected: Facts['objects'], found: Facts['objects']): string[] {
  const kinds = ['indexes', 'constraints', 'triggers', 'functions', 'views'] as const;
  return [
    ...kinds
      .filter((kind) => expected[kind] !== found[kind])
      .map((kind) => `${found[kind]} ${kind} in place of ${expected[kind]}`),
    ...found.notValidated
      .filter((name) => !expected.notValidated.includes(name))
      .map((name) => `the constraint ${name} is not valid`),
  ];
}

async function invalidIndexes(session: Session): Promise<string[]> {
  const rows = await session.rows<{ name: string }>(
    'SELECT indexrelid::regclass::text AS name FROM pg_index WHERE NOT indisvalid',
  );
  return rows.map(({ name }) => `the index ${name} is not valid`);
}

/**
 * Copies a row of each table whose column a sequence fills, with the next value in that column, and rolls back. A
 * sequence that lags behind its table, as after a restore of rows alone, collides here and not in the app.
 */
async function probeSequences(session: Session): Promise<string[]> {
  // Triggers and foreign keys are off: the question is whether the value is free, not what the app makes of it.
  await session.run(`BEGIN; SET LOCAL session_replication_role = replica;
    CREATE TEMPORARY TABLE invctl_taken (sequence text, taken text) ON COMMIT DROP;
    ${PROBE}`);
  const taken = await session.rows<{ sequence: string; taken: string }>(
    'SELECT sequence, taken FROM invctl_taken ORDER BY 1',
  );
  await session.run('ROLLBACK;');
  return taken.map(({ sequence, taken: column }) => `the next value of ${sequence} is already in ${column}`);
}

const PROBE = `
DO $probe$
DECLARE
  owned record; was record; next bigint; collides boolean; columns text;
BEGIN
  FOR owned IN
    SELECT s.oid::regclass AS sequence, t.oid::regclass AS "table", quote_ident(a.attname) AS "column",
           (SELECT string_agg(quote_ident(o.attname), ', ' ORDER BY o.attnum) FROM pg_attribute o
             WHERE o.attrelid = t.oid AND o.attnum > 0 AND NOT o.attisdropped AND o.attnum <> a.attnum
               AND o.attgenerated = '' AND o.attidentity = '') AS others
      FROM pg_class s
      JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype IN ('a', 'i')
      JOIN pg_class t ON t.oid = d.refobjid AND t.relkind = 'r'
      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
     WHERE s.relkind = 'S'
  LOOP
    BEGIN
      EXECUTE format('SELECT last_value, is_called FROM %s', owned.sequence) INTO was;
      next := nextval(owned.sequence);
      -- No rollback takes nextval back.
      PERFORM setval(owned.sequence, was.last_value, was.is_called);
      EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE %s = $1)', owned.table, owned.column)
        INTO collides USING next;
      IF collides THEN
        INSERT INTO invctl_taken VALUES (owned.sequence, format('%s.%s', owned.table, owned.column));
      ELSE
        columns := concat_ws(', ', owned.column, owned.others);
        EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s LIMIT 1',
          owned.table, columns, concat_ws(', ', '$1', owned.others), owned.table) USING next;
      END IF;
    EXCEPTION
      -- Another column of the copied row, whose own value was seen to be free; or a sequence at its end, as it was.
      WHEN unique_violation OR exclusion_violation OR sequence_generator_limit_exceeded THEN NULL;
    END;
  END LOOP;
END $probe$;`;
