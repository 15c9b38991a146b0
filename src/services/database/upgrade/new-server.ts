import { setTimeout as sleep } from 'node:timers/promises';
import type { Archive } from '../../../backup/archive-kinds.js';
import { loadArchive } from '../../../backup/load-archive.js';
import type { Manifest } from '../../../backup/manifest.js';
import type { Session } from '../../../engine/database-access.js';
import type { Engine } from '../../../engine/engine.js';
import { openTrials } from '../../../engine/open-trials.js';
import type { Trial } from '../../../engine/trials.js';
import { ExitCode, UserError } from '../../../errors.js';
import { accessTo, type Database } from '../../../postgres/database.js';
import type { DatabaseFacts } from '../../../postgres/database-facts.js';
import { applyProperties } from '../../../postgres/database-properties.js';
import { derivedName } from '../../../postgres/derived-names.js';
import { dropDatabase } from '../../../postgres/drop-database.js';
import { readDatabase, readFacts } from '../../../postgres/facts.js';
import { withSession } from '../../../postgres/open-session.js';
import type { OtherDatabase } from '../../../postgres/other-databases.js';
import { withMaintenance } from '../../../postgres/server-sessions.js';
import { onlyRow, type SessionOptions } from '../../../postgres/session.js';
import type { ProjectLocation } from '../../../project/locate.js';
import { withDependencies } from '../../../project/model.js';
import { outputTail } from '../../../system/argv.js';
import { identifier, literal } from '../../../system/sql.js';
import type { ServiceContext } from '../../context.js';
import { analyze } from '../analyze.js';
import { proveRestored } from '../prove-restored.js';
import { assertKnown } from '../restore-checks.js';
import { settingsLeftBehind } from './cluster.js';
import type { UpgradePlan } from './plan.js';
import type { UpgradeState } from './state.js';

/** Includes the time that initdb takes for an empty volume. */
const START_TIMEOUT_MS = 300_000;
const SMOKE_TIMEOUT_MS = 180_000;
const POLL_MS = 200;
const LOG_LINES = 15;

/** The new server on its new volume, in a trial project beside the live one. */
export interface NewServer {
  trial: Trial;
  /** The project's database on the new server. */
  database: Database;
}

/**
 * @param app service to test on the new server.
 * @throws UserError SERVER_NOT_STARTED, EXTENSIONS_MISSING
 */
export async function startNewServer(
  context: ServiceContext,
  live: Database,
  { change, config, move, server }: UpgradePlan,
  state: UpgradeState,
  app: string | undefined,
): Promise<NewServer> {
  const trials = await openTrials(live.engine, context);
  const services = new Set([live.service.name]);
  if (app !== undefined) for (const one of withDependencies(live.project, [app])) services.add(one);
  const trial = await trials.prepare(live.location, {
    name: state.trial,
    config,
    services: [...services],
    volume: change.volume.after,
    move,
  });
  const database: Database = { ...live, engine: trial.engine, location: trial.location };
  await startService(context, trial, live.service.name, START_TIMEOUT_MS, {
    code: 'SERVER_NOT_STARTED',
    what: `the server of PostgreSQL ${move.to} does not start`,
  });
  await waitUntilListening(database, context.signal);
  await compareServers(context, live, database, move.to, server.others);
  return { trial, database };
}

/**
 * Waits until the server listens on the network. While the image initialises its cluster, it listens on its
 * socket only.
 */
export async function waitUntilListening(database: Database, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const { listening, said } = await accessTo(database).listens(signal);
    if (listening) return;
    if (Date.now() > deadline) {
      throw new UserError({
        code: 'SERVER_NOT_STARTED',
        message: `the new server does not listen: ${outputTail(said, 3)}`,
        hint: `invctl logs ${database.service.name}`,
      });
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}

async function compareServers(
  context: ServiceContext,
  live: Database,
  database: Database,
  to: number,
  others: readonly OtherDatabase[],
): Promise<void> {
  const applicationName = 'invctl db upgrade';
  const { signal } = context;
  const options = { applicationName, signal };
  const extensions: { name: string }[] = [];
  for (const { name } of [live, ...others]) {
    extensions.push(
      ...(await withSession(live, { ...options, database: name }, (session) =>
        session.rows<{ name: string }>('SELECT extname AS name FROM pg_extension'),
      )),
    );
  }
  await withSession(live, options, (before) =>
    withMaintenance(database, options, async (after) => {
      await assertKnown(after, {
        code: 'EXTENSIONS_MISSING',
        what: 'extensions',
        wanted: [...new Set(extensions.map(({ name }) => name))],
        known: 'SELECT name FROM pg_available_extensions',
        hint: () => `take a PostgreSQL ${to} that has them: on Docker another image, by hand`,
      });
      const left = await settingsLeftBehind(before, after);
      if (left.length === 0) return;
      context.warn(
        `in the old server's own files and not in the new one's: ${left.join(', ')}. Set them again: invctl db psql -- -c 'ALTER SYSTEM SET …', or in the files`,
      );
    }),
  );
}

/**
 * Loads a backup into the new server and compares each table's content with it.
 *
 * @returns name of the loaded database, which does not have the live name yet.
 * @throws UserError RESTORE_FAILED, and of exit 8 RESTORE_INCOMPLETE.
 */
export async function loadBackup(
  context: ServiceContext,
  { database }: NewServer,
  archive: Archive & { manifest: Manifest },
  wanted: DatabaseFacts['database'],
  id: string,
  onBytes: (bytes: number) => void,
): Promise<string> {
  const loaded = derivedName(database.name, 'restore', id);
  const options = { applicationName: 'invctl db upgrade', signal: context.signal };
  const { manifest } = archive;
  await loadArchive(database, { name: loaded, like: wanted }, archive, {
    id,
    signal: context.signal,
    onBytes,
  });
  await withSession(database, { ...options, database: loaded }, async (session) => {
    await proveRestored(session, await readFacts(session), manifest, { content: true, warn: context.warn });
    warnOfCollation(context, manifest.database, await readDatabase(session));
  });
  await analyze(context, database, { ...options, database: loaded });
  return loaded;
}

function warnOfCollation(
  context: ServiceContext,
  before: DatabaseFacts['database'],
  after: DatabaseFacts['database'],
): void {
  if (before.collationVersion === after.collationVersion) return;
  context.warn(
    `collation ${before.locale ?? before.collate} changes from version ${before.collationVersion ?? '(none)'} to ${after.collationVersion ?? '(none)'}: indexes are rebuilt, but text may sort in another order`,
  );
}

/**
 * Runs the app on a copy of the loaded database, so that nothing it writes stays.
 * @throws UserError SMOKE_TEST_FAILED (exit 6)
 */
export async function tryApp(
  context: ServiceContext,
  { trial, database }: NewServer,
  loaded: string,
  app: string,
  wanted: DatabaseFacts['database'],
): Promise<void> {
  const owner = await atMaintenance(context, database, (session) =>
    onlyRow<{ name: string }>(
      session,
      `SELECT pg_get_userbyid(datdba) AS name FROM pg_database WHERE datname = ${literal(loaded)}`,
    ),
  );
  await dropDatabase(database, database.name, {
    applicationName: 'invctl db upgrade',
    signal: context.signal,
  });
  await atMaintenance(context, database, async (session) => {
    await session.run(
      `CREATE DATABASE ${identifier(database.name)} TEMPLATE ${identifier(loaded)} OWNER ${identifier(owner.name)} STRATEGY file_copy;`,
    );
  });
  await applyProperties(database, database.name, wanted, sessionOf(context));
  await startService(context, trial, app, SMOKE_TIMEOUT_MS, {
    code: 'SMOKE_TEST_FAILED',
    what: `"${app}" does not become healthy on the new server`,
    hint: 'mend it, or go without: --no-smoke-test',
    exitCode: ExitCode.unhealthy,
  });
  const { connected } = await atMaintenance(context, database, (session) =>
    onlyRow<{ connected: boolean }>(
      session,
      `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = ${literal(database.name)} AND client_addr IS NOT NULL) AS connected`,
    ),
  );
  if (!connected) context.warn(`"${app}" became healthy on the new server without a connection to it`);
  await trial.engine.remove(
    trial.location,
    (await trial.engine.status(trial.location))
      .map(({ name }) => name)
      .filter((name) => name !== database.service.name),
    { stop: true },
  );
}

/**
 * Stops pg_cron's scheduler from running the jobs that came with the data: the old server still runs them.
 * Does nothing without pg_cron (https://github.com/citusdata/pg_cron#pg_cron-settings).
 */
export async function holdJobs(context: ServiceContext, { database }: NewServer): Promise<void> {
  await withJobs(
    context,
    database,
    'ALTER SYSTEM SET cron.launch_active_jobs = off; SELECT pg_reload_conf();',
  );
}

/** Lets the jobs run again from the server's next start on. */
export async function releaseJobs(context: ServiceContext, { database }: NewServer): Promise<void> {
  await withJobs(context, database, 'ALTER SYSTEM RESET cron.launch_active_jobs;');
}

async function withJobs(context: ServiceContext, database: Database, statements: string): Promise<void> {
  await atMaintenance(context, database, async (session) => {
    const known = await session.rows(
      `SELECT FROM pg_settings WHERE name = 'cron.launch_active_jobs' AND source <> 'command line'`,
    );
    if (known.length > 0) await session.run(statements);
  });
}

/** Gives the loaded database the live name, and flushes everything to disk. */
export async function settle(
  context: ServiceContext,
  { database }: NewServer,
  loaded: string,
  wanted: DatabaseFacts['database'],
): Promise<void> {
  await dropDatabase(database, database.name, {
    applicationName: 'invctl db upgrade',
    signal: context.signal,
  });
  await atMaintenance(context, database, async (session) => {
    await session.run(`ALTER DATABASE ${identifier(loaded)} RENAME TO ${identifier(database.name)};`);
  });
  for (const lost of await applyProperties(database, database.name, wanted, sessionOf(context)))
    context.warn(lost);
  await atMaintenance(context, database, (session) => session.run('CHECKPOINT;'));
}

function atMaintenance<T>(
  context: ServiceContext,
  database: Database,
  body: (session: Session) => Promise<T>,
): Promise<T> {
  return withMaintenance(database, sessionOf(context), body);
}

function sessionOf({ signal }: ServiceContext): Omit<SessionOptions, 'database'> {
  return { applicationName: 'invctl db upgrade', signal };
}

async function startService(
  { signal }: ServiceContext,
  { engine, location }: Trial,
  service: string,
  timeoutMs: number,
  failure: { code: string; what: string; hint?: string; exitCode?: number },
): Promise<void> {
  const { failed } = await engine.up(
    location,
    { services: [service], wait: true, timeoutMs, signal },
    () => {},
  );
  if (failed.length === 0) return;
  const lines = await lastLines(
    engine,
    location,
    failed.map((one) => one.service),
  );
  const { code, what, hint, exitCode } = failure;
  throw new UserError({
    code,
    message: `${what} (${failed.map((one) => `${one.service}: ${one.reason}`).join(', ')}):\n${lines}`,
    hint: hint ?? 'invctl doctor',
    ...(exitCode === undefined ? {} : { exitCode }),
  });
}

async function lastLines(engine: Engine, location: ProjectLocation, services: string[]): Promise<string> {
  const lines: string[] = [];
  for await (const { line } of engine.logs(location, { services, tail: LOG_LINES })) lines.push(line);
  return outputTail(lines.join('\n'), LOG_LINES);
}
