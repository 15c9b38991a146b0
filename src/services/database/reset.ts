import { UserError } from '../../errors.js';
import { restartClients, strugglingClients } from '../../postgres/clients.js';
import { createDatabase } from '../../postgres/create-database.js';
import { type Database, findDatabase } from '../../postgres/database.js';
import { applyProperties } from '../../postgres/database-properties.js';
import { derivedName, loadApplicationName } from '../../postgres/derived-names.js';
import { dropDatabase } from '../../postgres/drop-database.js';
import { assertSwappable, type LiveState, likeLive, openLive } from '../../postgres/live-database.js';
import { withSession } from '../../postgres/open-session.js';
import { lockDatabase, withMaintenance } from '../../postgres/server-sessions.js';
import { swapDatabases } from '../../postgres/swap.js';
import { withProjectLock } from '../../system/lock.js';
import { timeId } from '../../system/time-id.js';
import type { ServiceContext } from '../context.js';
import { perform, type Run } from '../operation.js';
import { backupToFile } from './backup.js';
import { applyMigrations } from './migrate.js';
import { resetOperation } from './reset-operation.js';
import type { RestoreState } from './restore-operation.js';
import { type Seeded, seedUnlocked, usualSeed } from './seed.js';

export type ResetPhase = 'backup' | 'migrate' | 'swap' | 'restart' | 'seed';

export interface ResetInput {
  /** Take a verified backup first; when it fails, nothing is reset. */
  backup: boolean;
  /** Fill it again as `db seed` without a file does. */
  seed: boolean;
  /** Asks for confirmation with the name of the database; throws to stop. */
  confirm: (database: string) => Promise<void>;
  onPhase: (phase: ResetPhase) => void;
}

export interface Reset {
  database: string;
  /** Absolute path of the backup that was taken first. */
  backup?: string;
  /**
   * Files of the app's migrations that made the schema; empty for an app that migrates itself when it starts.
   */
  migrated: readonly string[];
  restarted: readonly string[];
  seeded?: Seeded;
}

/**
 * Replaces the project's database by an empty one with the same properties and the schema of the app's
 * migrations, and drops the previous database. The new one is made beside the live one: a failure before the
 * swap leaves the live one untouched.
 *
 * @throws UserError BACKUP_FAILED naming `--no-backup`, of the migrations, of what keeps a database from
 * being renamed, NOT_HEALTHY (exit 6) when a service does not come back, and of {@link seedUnlocked} with the
 * reset done.
 */
export async function reset(context: ServiceContext, input: ResetInput): Promise<Reset> {
  const location = context.project();
  const engine = await context.engine();
  return withProjectLock(
    location,
    { command: `invctl ${resetOperation.name}`, signal: context.signal },
    async () => {
      const database = await findDatabase(engine, location);
      await input.confirm(database.name);
      if (input.seed) await usualSeed(context);
      const id = timeId(new Date());
      const options = { applicationName: loadApplicationName(id), signal: context.signal };
      const live = await withMaintenance(database, options, (one) => assertSwappable(one, database));
      warnOfScripts(context, database);
      const backup = input.backup && live === 'there' ? await saveFirst(context, database, input) : undefined;
      const { migrated, clients } = await replace(context, database, { id, live, options }, input);
      if (input.seed) input.onPhase('seed');
      const seeded = input.seed ? await seedUnlocked(context, {}) : undefined;
      return {
        database: database.name,
        ...(backup === undefined ? {} : { backup }),
        migrated,
        restarted: clients,
        ...(seeded ? { seeded } : {}),
      };
    },
  );
}

async function saveFirst(
  context: ServiceContext,
  database: Database,
  { onPhase }: ResetInput,
): Promise<string> {
  onPhase('backup');
  try {
    return (await backupToFile(context, database, { level: 1 })).file;
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof UserError)) throw error;
    throw new UserError({
      code: 'BACKUP_FAILED',
      message: `nothing was reset, because the backup before it failed: ${error.message}`,
      hint: `${error.hint ? `${error.hint}\n` : ''}or give up the data without a backup: the same command with --no-backup`,
      exitCode: error.exitCode,
      cause: error,
    });
  }
}

async function replace(
  context: ServiceContext,
  database: Database,
  {
    id,
    live,
    options,
  }: { id: string; live: LiveState; options: { applicationName: string; signal: AbortSignal } },
  { onPhase }: ResetInput,
): Promise<{ migrated: readonly string[]; clients: readonly string[] }> {
  const incoming = derivedName(database.name, 'restore', id);
  const state: RestoreState = {
    id,
    live: database.name,
    scratch: incoming,
    incoming,
    previous: live === 'there' ? derivedName(database.name, 'before', id) : null,
    clients: await strugglingClients(database),
  };
  const session = await openLive(database, live, options);
  return perform(resetOperation, context, { id, state, subject: database }, async (run) => {
    let migrated: readonly string[];
    try {
      await lockDatabase(session);
      const like = await likeLive(database, options.applicationName);
      onPhase('migrate');
      await run.begin('load');
      await withMaintenance(database, options, (one) => createDatabase(one, incoming, like));
      migrated = await withSession(database, { ...options, database: incoming, asProject: true }, (inside) =>
        applyMigrations(database, inside),
      );
      for (const lost of await applyProperties(database, incoming, like, options)) context.warn(lost);
    } finally {
      // A database with an open session cannot be renamed.
      await session.close();
    }
    await swapIn(context, database, run, onPhase);
    return { migrated, clients: state.clients };
  });
}

async function swapIn(
  context: ServiceContext,
  database: Database,
  run: Run<RestoreState, 'load' | 'swap' | 'restart'>,
  onPhase: ResetInput['onPhase'],
): Promise<void> {
  const { id, state } = run;
  await run.begin('swap');
  // The swap must not be interrupted.
  context.signal.throwIfAborted();
  onPhase('swap');
  await swapDatabases(database, id, state);
  await run.begin('restart');
  onPhase('restart');
  await restartClients(context, database, state.clients, 'invctl logs');
  // Dropped last: while it exists, it tells `recover` that the swap was done.
  if (state.previous !== null) {
    await dropDatabase(database, state.previous, { applicationName: `invctl ${resetOperation.name}` });
  }
}

/** The image runs these scripts once, for an empty data folder. A reset does not empty the data folder. */
function warnOfScripts(context: ServiceContext, { service }: Database): void {
  const scripts = service.mounts.find(({ target }) => target.startsWith('/docker-entrypoint-initdb.d'));
  if (!scripts) return;
  context.warn(
    `what ${scripts.source ?? scripts.target} made at the first start of "${service.name}" is not made again in ${service.name}'s new database; with it: invctl down --volumes, then invctl up`,
  );
}
