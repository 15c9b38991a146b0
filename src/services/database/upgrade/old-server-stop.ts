import { openTrials } from '../../../engine/open-trials.js';
import { UserError } from '../../../errors.js';
import { startAgain } from '../../../postgres/clients.js';
import { withContentHashes } from '../../../postgres/content-hash.js';
import type { Database } from '../../../postgres/database.js';
import { readFacts } from '../../../postgres/facts.js';
import { withSession } from '../../../postgres/open-session.js';
import { readOtherDatabases } from '../../../postgres/other-databases.js';
import { outputTail } from '../../../system/argv.js';
import type { ServiceContext } from '../../context.js';
import { dumpRoles, nextTransaction } from './cluster.js';
import { waitUntilListening } from './new-server.js';
import { changedParts, type MovedDatabase } from './other-databases.js';

const APPLICATION_NAME = 'invctl db upgrade';
/** How many times the data is compared again when somebody (autovacuum too) used transaction numbers. */
const COMPARISONS = 3;

/** The state of the old server when its data was moved. */
export interface Moved {
  /** The next transaction number before any of the data was read. */
  written: bigint;
  /** All databases, including the project's own. */
  databases: readonly MovedDatabase[];
  /** Databases that are not moved. */
  aside: readonly string[];
  /** Result of {@link dumpRoles}. */
  roles: string;
}

/**
 * Stops the old server for good, with exactly the data that was moved. The transaction number of a stopped
 * server shows whether anybody wrote since: every write uses one. Some of its own maintenance uses one too;
 * then the content is compared.
 *
 * @throws UserError DATABASE_CHANGED
 */
export async function stopUnchanged(context: ServiceContext, live: Database, moved: Moved): Promise<void> {
  const { engine, location, service } = live;
  let known = moved.written;
  for (let comparison = 0; ; comparison += 1) {
    context.signal.throwIfAborted();
    await engine.stop(location, [service.name]);
    if ((await transactionOfStopped(context, live)) === known) return;
    if (comparison === COMPARISONS) throw changed(live, 'something writes to it all the time');
    await startAgain(live, [service.name]);
    await waitUntilListening(live, context.signal);
    const options = { applicationName: APPLICATION_NAME, signal: context.signal };
    known = await withSession(live, options, nextTransaction);
    const differences = await compare(context, live, moved);
    if (differences.length > 0) throw changed(live, differences.join(', '));
  }
}

/** What on the old server differs from what was moved. */
async function compare(
  context: ServiceContext,
  live: Database,
  { databases, aside, roles }: Moved,
): Promise<string[]> {
  const options = { applicationName: APPLICATION_NAME, signal: context.signal };
  const known = new Set([...databases.map(({ name }) => name), ...aside]);
  const others = await withSession(live, options, (session) => readOtherDatabases(session, live.name));
  const differences = others.filter(({ name }) => !known.has(name)).map(({ name }) => `the database ${name}`);
  for (const { name, facts } of databases) {
    if (name !== live.name && others.every((other) => other.name !== name)) {
      differences.push(`the database ${name}`);
      continue;
    }
    const now = await withSession(live, { ...options, database: name }, async (session) =>
      withContentHashes(session, await readFacts(session)),
    );
    const parts = changedParts(facts, now);
    differences.push(...parts.map((part) => (name === live.name ? part : `${part} of ${name}`)));
  }
  if ((await dumpRoles(context, live)) !== roles) differences.push('the roles');
  return differences;
}

function changed({ service, name }: Database, what: string): UserError {
  return new UserError({
    code: 'DATABASE_CHANGED',
    message: `somebody wrote to the server of ${name} after its data was read: ${what}. The services that depend on "${service.name}" were stopped; somebody else has a connection`,
    hint: `who it is:  invctl db psql -- -c "SELECT application_name, client_addr, usename, datname FROM pg_stat_activity WHERE datname IS NOT NULL"
stop it, then the same command again`,
  });
}

/** The next transaction number of a server that was stopped. @throws UserError UPGRADE_FAILED */
async function transactionOfStopped(
  context: ServiceContext,
  { engine, location, service, name }: Database,
): Promise<bigint> {
  const trials = await openTrials(engine, context);
  const statement = 'SELECT pg_snapshot_xmax(pg_current_snapshot())';
  const output = await trials.askStopped(location, service, { database: name, statement });
  const next = /pg_snapshot_xmax = "(\d+)"/.exec(output)?.[1];
  if (next !== undefined) return BigInt(next);
  throw new UserError({
    code: 'UPGRADE_FAILED',
    message: `the old server cannot be looked at after it was stopped:\n${outputTail(output, 5)}`,
    hint: `invctl logs ${service.name}`,
  });
}
