import { existsSync } from 'node:fs';
import { chmod, chown, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { readArchive } from '../../backup/archive.js';
import type { Archive } from '../../backup/archive-kinds.js';
import type { Manifest } from '../../backup/manifest.js';
import { unpackFolder } from '../../backup/physical-backup.js';
import { UserError } from '../../errors.js';
import { runningServices, startAgain } from '../../postgres/clients.js';
import {
  accessTo,
  type Database,
  dataFolder,
  findDatabase,
  lacksClientPrograms,
} from '../../postgres/database.js';
import { countRows, readFacts } from '../../postgres/facts.js';
import { liveState } from '../../postgres/live-database.js';
import { withSession } from '../../postgres/open-session.js';
import { withMaintenance } from '../../postgres/server-sessions.js';
import { syncFolder } from '../../system/files.js';
import { timeId } from '../../system/time-id.js';
import type { ServiceContext } from '../context.js';
import { operation, perform } from '../operation.js';
import { proveRestored } from './prove-restored.js';
import { compareRows, type Restored, type RestoreInput } from './restored.js';

const stateSchema = z.object({
  /** The server's data folder. */
  folder: z.string(),
  /** The restored data folder, which replaces it. */
  incoming: z.string(),
  /** Where the previous data folder is moved. */
  previous: z.string(),
  services: z.array(z.string()),
});

type State = z.infer<typeof stateSchema>;

/** Puts the previous data folder back, whichever step was cut off. */
export const physicalRestoreOperation = operation({
  name: 'db restore (physical)',
  state: stateSchema,
  steps: ['unpack', 'swap'],
  reopen: async (context) => findDatabase(await context.engine(), context.project()),
  async revert(_context, database, { state }) {
    await putBack(database, state);
    return `${database.name} is as it was before the restore`;
  },
});

/**
 * Restores a physical backup on the embedded engine: unpacks it beside the live data, moves it into place
 * while the server is stopped, and verifies it by counting rows. When the check fails, the previous data is
 * put back. The previous data stays on disk until the volume is removed.
 *
 * @throws UserError PHYSICAL_BACKUP where it does not fit the engine or the server, and as `restore`.
 */
export async function restorePhysical(
  context: ServiceContext,
  database: Database,
  archive: Archive & { manifest: Manifest },
  input: RestoreInput,
): Promise<Restored> {
  const { manifest } = archive;
  await assertFits(database, manifest);
  const applicationName = 'invctl db restore';
  const options = { applicationName, signal: context.signal };
  const live = await withMaintenance(database, options, (session) => liveState(session, database.name));
  const before = live === 'there' ? await withSession(database, options, countRows) : [];
  const rows = compareRows(before, manifest.tables);
  await input.confirm({ from: archive.file, database: database.name, rows, notes: [] });
  const id = timeId(new Date());
  const folder = await dataFolder(database);
  const state: State = {
    folder,
    incoming: `${folder}.restore_${id}`,
    previous: `${folder}.before_${id}`,
    services: await runningServices(database),
  };
  return perform(physicalRestoreOperation, context, { id, state, subject: database }, async (run) => {
    await run.begin('unpack');
    input.onProgress?.('load', 0, archive.bytes);
    await unpackFolder((await readArchive(archive)).stream, state.incoming, context.signal);
    await likeOf(folder, state.incoming);
    await run.begin('swap');
    // The swap must not be interrupted.
    context.signal.throwIfAborted();
    input.onProgress?.('swap', 0, 0);
    const started = performance.now();
    await database.engine.stop(database.location, state.services);
    await swapFolders(state);
    await startAgain(database, [database.service.name]);
    const swapMs = performance.now() - started;
    input.onProgress?.('compare', archive.bytes, archive.bytes);
    await withSession(database, { applicationName }, async (session) =>
      proveRestored(session, await readFacts(session), manifest, context),
    );
    await startAgain(database, others(state, database));
    return {
      from: archive.file,
      restored: database.name,
      previous: state.previous,
      rows,
      restarted: state.services,
      swapMs,
    };
  });
}

/** Previous data folders that physical restores kept, newest first. */
export async function previousFolders(database: Database): Promise<string[]> {
  if (!(await lacksClientPrograms(database))) return [];
  const folder = await dataFolder(database);
  const names = await readdir(dirname(folder));
  return names
    .filter((name) => name.startsWith(`${basename(folder)}.before_`))
    .sort()
    .reverse()
    .map((name) => join(dirname(folder), name));
}

/** Puts a previous data folder back in place; the current one becomes the previous one. */
export async function undoPhysical(
  context: ServiceContext,
  database: Database,
  incoming: string,
  input: RestoreInput,
): Promise<Restored> {
  const notes = ['the rows of a data folder cannot be counted before it is in its place'];
  await input.confirm({ from: incoming, database: database.name, rows: [], notes });
  context.signal.throwIfAborted();
  const id = timeId(new Date());
  const folder = await dataFolder(database);
  const services = await runningServices(database);
  const state: State = { folder, incoming, previous: `${folder}.before_${id}`, services };
  return perform(physicalRestoreOperation, context, { id, state, subject: database }, async (run) => {
    await run.begin('swap');
    const started = performance.now();
    await database.engine.stop(database.location, services);
    await swapFolders(state);
    await startAgain(database, services);
    return {
      from: incoming,
      restored: database.name,
      previous: state.previous,
      rows: [],
      restarted: services,
      swapMs: performance.now() - started,
    };
  });
}

async function putBack(database: Database, state: State): Promise<void> {
  const running = await runningServices(database);
  if (existsSync(state.previous)) {
    await database.engine.stop(database.location, running);
    // The swap was done: what took the folder's place moves back. After an undo that is a previous data
    // folder, which is kept.
    if (existsSync(state.folder) && !existsSync(state.incoming)) await rename(state.folder, state.incoming);
    await rename(state.previous, state.folder);
    await syncFolder(dirname(state.folder));
  }
  if (state.incoming.includes('.restore_')) await rm(state.incoming, { recursive: true, force: true });
  await startAgain(database, [database.service.name]);
  await startAgain(database, others(state, database));
}

async function swapFolders({ folder, incoming, previous }: State): Promise<void> {
  await rename(folder, previous);
  await rename(incoming, folder);
  await syncFolder(dirname(folder));
}

function others({ services }: State, { service }: Database): string[] {
  return services.filter((name) => name !== service.name);
}

async function assertFits(database: Database, manifest: Manifest): Promise<void> {
  const folder = await accessTo(database).dataFolder();
  const here =
    folder === undefined
      ? undefined
      : Number.parseInt(await readFile(join(folder, 'PG_VERSION'), 'utf8'), 10);
  if (here === manifest.server.major) return;
  throw new UserError({
    code: 'PHYSICAL_BACKUP',
    message: `the backup is a copy of the data folder of a PostgreSQL ${manifest.server.major}: it restores to the embedded engine with that version only${here === undefined ? '' : `, and this is ${here}`}`,
    hint: 'restore it there, and take a portable one with a complete PostgreSQL: invctl db backup',
    details: { backup: manifest.server.major, ...(here === undefined ? {} : { server: here }) },
  });
}

/** Copies owner and mode. The server refuses a data folder that another user owns or that others may read. */
async function likeOf(model: string, folder: string): Promise<void> {
  const { uid, gid, mode } = await stat(model);
  await chmod(folder, mode & 0o777);
  if (process.getuid?.() === 0) await chown(folder, uid, gid);
}
