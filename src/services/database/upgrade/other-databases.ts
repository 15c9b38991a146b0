import { PassThrough } from 'node:stream';
import { dump } from '../../../backup/dump.js';
import { UserError } from '../../../errors.js';
import { createDatabase } from '../../../postgres/create-database.js';
import { connectionArguments, type Database, programFailed, runClient } from '../../../postgres/database.js';
import type { DatabaseFacts } from '../../../postgres/database-facts.js';
import { applyProperties, applySettings, readProperties } from '../../../postgres/database-properties.js';
import { dropDatabase } from '../../../postgres/drop-database.js';
import { readFacts } from '../../../postgres/facts.js';
import { differencesOfObjects } from '../../../postgres/objects.js';
import { withSession } from '../../../postgres/open-session.js';
import type { OtherDatabase } from '../../../postgres/other-databases.js';
import { withMaintenance } from '../../../postgres/server-sessions.js';
import type { ServiceContext } from '../../context.js';
import { analyze } from '../analyze.js';
import { proveRestored } from '../prove-restored.js';

const APPLICATION_NAME = 'invctl db upgrade';

/**
 * pg_restore exits before it has read the archive's last bytes. `cat` reads the rest, so that the writer gets
 * no EPIPE.
 */
const LOAD = 'pg_restore "$@"; status=$?; cat >/dev/null; exit $status';

/**
 * What users created in a database that every server has, in words; empty if nothing. Only for a message:
 * everything is moved, whatever this finds. Object ids from 16384 on belong to users (access/transam.h).
 */
export async function ownContent(live: Database, name: string, signal: AbortSignal): Promise<string[]> {
  const counted = await withSession(
    live,
    { database: name, applicationName: APPLICATION_NAME, signal },
    (session) =>
      session.rows<{ what: string; n: number }>(`
        SELECT what, count(*) AS n FROM (
          SELECT 'table' AS what FROM pg_class c WHERE c.oid >= 16384 AND relkind IN ('r', 'p', 'f')
             AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND deptype = 'e')
          UNION ALL SELECT 'extension' FROM pg_extension WHERE oid >= 16384
          UNION ALL SELECT 'function' FROM pg_proc p WHERE p.oid >= 16384
             AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND deptype = 'e')
          UNION ALL SELECT 'event trigger' FROM pg_event_trigger
          UNION ALL SELECT 'large object' FROM pg_largeobject_metadata
        ) q GROUP BY what ORDER BY what DESC`),
  );
  return counted.map(({ what, n }) => `${n} ${what}${n === 1 ? '' : 's'}`);
}

/** A database as it was when it was moved. */
export interface MovedDatabase {
  name: string;
  facts: DatabaseFacts;
}

/**
 * Moves databases to the new server, one after the other, and verifies each like the project's own. A
 * database of the same name on the new server is dropped. The data does not touch this machine's disk.
 *
 * @throws UserError BACKUP_FAILED, RESTORE_FAILED, and of exit 8 RESTORE_INCOMPLETE.
 */
export async function moveDatabases(
  context: ServiceContext,
  from: Database,
  to: Database,
  others: readonly OtherDatabase[],
): Promise<MovedDatabase[]> {
  const moved: MovedDatabase[] = [];
  for (const other of others) {
    moved.push({ name: other.name, facts: await moveDatabase(context, from, to, other) });
  }
  return moved;
}

async function moveDatabase(
  context: ServiceContext,
  live: Database,
  server: Database,
  { name }: OtherDatabase,
): Promise<DatabaseFacts> {
  const { signal } = context;
  const [from, to] = [
    { ...live, name },
    { ...server, name },
  ];
  const ours = { applicationName: APPLICATION_NAME, signal };
  const inIt = { ...ours, database: name };
  const wanted = await withSession(from, inIt, (session) => readProperties(session));
  await dropDatabase(to, name, ours);
  await withMaintenance(to, ours, (session) => createDatabase(session, name, wanted));
  await applySettings(to, name, wanted, ours);
  try {
    const facts = await pipeDatabase(context, from, to);
    await withSession(to, inIt, async (session) =>
      proveRestored(session, await readFacts(session), facts, { content: true, warn: context.warn }),
    );
    await analyze(context, to, inIt);
    for (const lost of await applyProperties(to, name, wanted, {
      applicationName: APPLICATION_NAME,
      signal,
    })) {
      context.warn(`of the database ${name}: ${lost}`);
    }
    return facts;
  } catch (error) {
    throw error instanceof UserError ? about(name, error) : error;
  }
}

/** Pipes pg_dump of one server into pg_restore of the other, through memory only. */
async function pipeDatabase(context: ServiceContext, from: Database, to: Database): Promise<DatabaseFacts> {
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const archive = new PassThrough();
  const warn = (message: string) => context.warn(`of the database ${from.name}: ${message}`);
  const load = async () => {
    const words = [...connectionArguments(to), '--no-password', '--exit-on-error'];
    const env = { PGAPPNAME: APPLICATION_NAME };
    const result = await runClient(to, ['sh', '-c', LOAD, 'sh', ...words], { input: archive, env, signal });
    if (result.status !== 0) throw programFailed('RESTORE_FAILED', 'the archive does not restore', result);
  };
  const dumped = dump({ ...context, signal, warn }, from, {
    format: 'custom',
    level: 3,
    applicationName: `${APPLICATION_NAME} ${from.name}`.slice(0, 63),
    sink: archive,
    bytesSoFar: () => 0,
  }).then((facts) => {
    archive.end();
    return facts;
  });
  const both = [dumped, load()] as const;
  try {
    const [facts] = await Promise.all(both);
    return facts;
  } catch (error) {
    stop.abort();
    archive.destroy();
    await Promise.allSettled(both);
    throw error;
  }
}

function about(name: string, error: UserError): UserError {
  return new UserError({
    code: error.code,
    message: `of the database ${name}: ${error.message}`,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.exitCode === undefined ? {} : { exitCode: error.exitCode }),
    ...(error.details === undefined ? {} : { details: error.details }),
    cause: error,
  });
}

type ChangingFacts = Pick<DatabaseFacts, 'tables' | 'sequences' | 'largeObjects'> &
  Partial<Pick<DatabaseFacts, 'objects'>>;

/**
 * Names of what changed in a database, quoted where they must be. For a database other than the session's
 * project's, the name has the database's name before it.
 *
 * @param after with content hashes, as `before`.
 */
export function changedParts(before: ChangingFacts, after: ChangingFacts): string[] {
  const known = new Map(before.tables.map(({ name, contentHash }) => [name, contentHash]));
  const values = new Map(before.sequences.map(({ name, lastValue }) => [name, lastValue]));
  const large = (facts: ChangingFacts) => JSON.stringify(facts.largeObjects);
  return [
    ...[
      ...after.tables.filter(({ name, contentHash }) => known.get(name) !== contentHash),
      ...after.sequences.filter(({ name, lastValue }) => values.get(name) !== lastValue),
      ...before.tables.filter(({ name }) => after.tables.every((table) => table.name !== name)),
    ].map(({ name }) => name),
    ...(large(before) === large(after) ? [] : ['large objects']),
    ...(before.objects && after.objects ? differencesOfObjects(before.objects, after.objects) : []),
  ];
}
