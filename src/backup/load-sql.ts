import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { type Database, psqlForScript, runClient, runProgram } from '../postgres/database.js';
import { restoreFailed } from '../postgres/restore-failed.js';
import { type ReadOptions, readArchive } from './archive.js';
import type { Archive } from './archive-kinds.js';
import { restorableSql } from './plain-dump.js';

/** The first psql of each major with `\restrict`, after which it ignores commands in its input. */
const RESTRICT_SINCE: Record<number, number> = { 13: 22, 14: 19, 15: 14, 16: 10, 17: 6 };
const RESTRICT_MAJOR = 18;

/** Options for {@link runClient}, with the database to fill. */
type LoginOptions = NonNullable<Parameters<typeof runClient>[2]> & { database: string };

/**
 * Loads an SQL dump into an empty database, byte by byte, in the encoding that the dump sets. The first error
 * ends it.
 * @throws UserError RESTORE_FAILED
 */
export async function loadSql(
  database: Database,
  archive: Archive,
  { login, onBytes }: Pick<ReadOptions, 'onBytes'> & { login: LoginOptions },
): Promise<void> {
  const { stream } = await readArchive(archive, onBytes);
  const restrict = (await knowsRestrict(database))
    ? [`--command=\\restrict ${randomBytes(16).toString('hex')}`]
    : [];
  const command = [...psqlForScript(database, login.database), '--quiet', ...restrict, '--file=-'];
  const input = Readable.from(restorableSql(stream, database.name), { objectMode: false });
  const result = await runClient(database, command, { ...login, input });
  if (result.status !== 0) throw restoreFailed('the dump does not restore', result);
}

async function knowsRestrict(database: Database): Promise<boolean> {
  const { stdout } = await runProgram(database, ['psql', '--version']);
  const [, major, minor] = /\(PostgreSQL\) (\d+)\.(\d+)/.exec(stdout)?.map(Number) ?? [];
  if (major === undefined || minor === undefined) return false;
  return major >= RESTRICT_MAJOR || minor >= (RESTRICT_SINCE[major] ?? Number.POSITIVE_INFINITY);
}
