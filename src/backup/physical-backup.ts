import { mkdir, rm } from 'node:fs/promises';
import { PassThrough, Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { create, extract, list } from 'tar';
import { UserError } from '../errors.js';
import { runningServices, startAgain } from '../postgres/clients.js';
import { type Database, dataFolder } from '../postgres/database.js';
import type { DatabaseFacts } from '../postgres/database-facts.js';
import { readFacts } from '../postgres/facts.js';
import { withSession } from '../postgres/open-session.js';
import { lockDatabase } from '../postgres/server-sessions.js';
import { onlyRow } from '../postgres/session.js';
import type { World } from '../system/world.js';
import type { Manifest } from './manifest.js';
import { intoBoth } from './tee.js';
import { unreadable } from './unreadable.js';

export interface ColdCopyInput {
  /** Receives the archive; it is not ended. */
  sink: Writable;
  applicationName: string;
  /** Called with the size of the database before anything is written. */
  onSize: (bytes: number) => Promise<void>;
  /** Called with the services before they are stopped. */
  onStop: (services: readonly string[]) => Promise<void>;
}

/**
 * Makes a physical backup: stops the server and the services that depend on it, archives the data folder and
 * reads the archive at the same time, and starts them again. It can be restored only to a server of the same
 * major version.
 */
export async function coldCopy(
  context: World,
  database: Database,
  input: ColdCopyInput,
): Promise<Pick<Manifest, 'takenAt' | 'server' | 'archive' | 'compression'> & DatabaseFacts> {
  const { engine, location, service } = database;
  const services = await runningServices(database);
  await input.onStop(services);
  const clients = services.filter((name) => name !== service.name);
  const folder = await dataFolder(database);
  const stopped = Date.now();
  try {
    // While the app is stopped, nobody writes between the count and the copy.
    if (clients.length > 0) await engine.stop(location, clients);
    const { facts, server } = await withSession(
      database,
      { applicationName: input.applicationName, signal: context.signal },
      async (session) => {
        await lockDatabase(session);
        const facts = await readFacts(session);
        await input.onSize(facts.database.bytes);
        const server = await onlyRow<{ version: string; num: number }>(
          session,
          `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS num`,
        );
        return { facts, server };
      },
    );
    await engine.stop(location, [service.name]);
    const takenAt = new Date().toISOString();
    const copy = new PassThrough();
    await Promise.all([
      pipeline(
        Readable.from(create({ cwd: folder, gzip: { level: 1 } }, ['.'])),
        intoBoth(input.sink, copy),
        {
          signal: context.signal,
        },
      ).finally(() => copy.end()),
      readDataFolder(copy),
    ]);
    const major = Math.floor(server.num / 10_000);
    return {
      ...facts,
      takenAt,
      server: { version: server.version, major },
      archive: { program: 'tar', major },
      compression: 'gzip',
    };
  } finally {
    await startAgain(database, services);
    const seconds = Math.round((Date.now() - stopped) / 1000);
    context.warn(
      `the database was stopped for ${seconds} s: its PostgreSQL has no pg_dump. With a complete PostgreSQL (Debian: postgresql) backups are taken while it runs, and restore anywhere`,
    );
  }
}

/**
 * Reads every file of a physical backup to its end.
 * @throws UserError BACKUP_UNREADABLE (exit 8)
 */
export async function readDataFolder(archive: Readable): Promise<void> {
  let control = false;
  try {
    await pipeline(
      archive,
      list({
        strict: true,
        onReadEntry: (entry) => {
          if (entry.path === './global/pg_control') control = true;
          entry.resume();
        },
      }),
    );
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw unreadable(error instanceof Error ? error.message : String(error));
  }
  if (!control) throw unreadable('it holds no PostgreSQL data folder');
}

/** Unpacks a physical backup into a new folder and keeps the owners of the files. */
export async function unpackFolder(archive: Readable, folder: string, signal: AbortSignal): Promise<void> {
  await mkdir(folder, { mode: 0o700 });
  try {
    await pipeline(archive, extract({ cwd: folder, strict: true, preservePaths: false }), {
      signal,
    });
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    signal.throwIfAborted();
    if (error instanceof UserError) throw error;
    throw unreadable(error instanceof Error ? error.message : String(error), 'invctl db list');
  }
}
