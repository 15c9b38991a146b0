import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { build, START_PERIOD_MS } from './app.js';
import { passwordFlaw } from './auth/password-rules.js';
import { hashPassword } from './auth/passwords.js';
import {
  connectionConfig,
  DatabaseUnavailableError,
  isSerializationFailure,
  isTimeout,
} from './database/connection.js';
import { connectWhenUp, migrate } from './database/migrate.js';
import { SYSTEM } from './repositories/audit.js';
import type { Settings } from './settings/declarations.js';
import { loadSettings, SettingsError } from './settings/load.js';

/** Docker waits ten seconds before it kills. */
const STOP_LIMIT_MS = 9000;
const LOG_CHUNK_BYTES = 4096;
const LOG_DELAY_MS = 100;
const RETRY_MS = 500;

const settings = readSettings();
// Many lines in one write, or after a moment; at its exit the process writes what is left.
const logger = pino(
  { level: settings.logLevel, base: null },
  pino.destination({ sync: false, minLength: LOG_CHUNK_BYTES, periodicFlush: LOG_DELAY_MS }),
);

/** Until then a database that cannot serve is waited for: the container's health check counts no failure before. */
const startDeadline = Date.now() + START_PERIOD_MS;
let stopping = false;
let app: FastifyInstance | undefined;
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal));

try {
  const schemaVersion = await prepareSchema(settings);
  app = await build({ settings, schemaVersion, logger });
  const started = app;
  await patiently(() => createFirstAdmin(started));
  await importInventory(started);
  if (!stopping) await app.listen({ host: settings.host, port: settings.port });
} catch (error) {
  logger.fatal({ err: error }, 'the API cannot start');
  process.exitCode = 1;
  await app?.close();
}

function readSettings(): Settings {
  try {
    return loadSettings().settings;
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    pino().fatal({ problems: error.problems }, 'invalid settings');
    process.exit(1);
  }
}

async function prepareSchema(settings: Settings): Promise<number> {
  const client = await connectWhenUp(
    connectionConfig(settings),
    Math.max(0, startDeadline - Date.now()),
    (error) => logger.warn({ err: error }, 'waiting for the database'),
  );
  try {
    const { version, applied } = await migrate(client);
    logger.info({ version, applied }, 'database schema is up to date');
    return version;
  } finally {
    await client.end();
  }
}

/** Does it again while the database cannot serve, within the time that a start may take. */
async function patiently<Result>(work: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const passing =
        error instanceof DatabaseUnavailableError || isSerializationFailure(error) || isTimeout(error);
      if (!passing || stopping || Date.now() >= startDeadline) throw error;
      logger.warn({ err: error }, 'waiting for the database');
      await delay(RETRY_MS);
    }
  }
}

async function createFirstAdmin({ repositories: { users } }: FastifyInstance): Promise<void> {
  if (await users.any()) return;
  const { adminUsername, adminPassword } = settings;
  if (adminPassword === undefined) {
    logger.warn('nobody can log in yet: set ADMIN_PASSWORD and restart to create the first admin');
    return;
  }
  const flaw = passwordFlaw(adminPassword, adminUsername);
  if (flaw !== undefined) throw new Error(`ADMIN_PASSWORD ${flaw}`);
  const user = {
    username: adminUsername,
    passwordHash: await hashPassword(adminPassword),
    role: 'admin',
  } as const;
  if (await users.addFirst(user, SYSTEM)) logger.info({ username: adminUsername }, 'created the first admin');
}

/** A file that cannot be taken is no reason to refuse service: the log and the imports tell of it. */
async function importInventory({ importer }: FastifyInstance): Promise<void> {
  const file = settings.inventoryFile;
  try {
    const outcome = await patiently(() => importer.importOnce(file));
    if (!outcome) return;
    const { counts, ...summary } = outcome;
    const level = outcome.status === 'applied' ? 'info' : 'warn';
    logger[level]({ file, import: { ...summary, ...counts } }, `inventory file ${outcome.status}`);
  } catch (error) {
    logger.error({ err: error, file }, 'the inventory file cannot be imported');
  }
}

/** Lets requests finish, closes the pool, and exits with 0; a second signal changes nothing. */
async function stop(signal: string): Promise<void> {
  if (stopping) return;
  stopping = true;
  logger.info({ signal }, 'stopping');
  setTimeout(() => {
    logger.warn(`requests are still open after ${STOP_LIMIT_MS} ms: leaving them`);
    process.exit(0);
  }, STOP_LIMIT_MS).unref();
  await app?.close();
  logger.info('stopped');
  process.exit(0);
}
