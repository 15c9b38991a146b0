import { protectionPlace, readRecord } from '../../backup/protection/place.js';
import { openTrials } from '../../engine/open-trials.js';
import { UserError } from '../../errors.js';
import { type Database, findDatabase, runProgram } from '../../postgres/database.js';
import { beforePrefix } from '../../postgres/derived-names.js';
import { withMaintenance } from '../../postgres/server-sessions.js';
import { previousDatabases } from '../../postgres/swap.js';
import { withProjectLock } from '../../system/lock.js';
import { timeId } from '../../system/time-id.js';
import type { ServiceContext } from '../context.js';
import { type Forgotten, forget, undo } from '../database/restore.js';
import type { Restored, RestoreInput } from '../database/restored.js';
import { atPlace, type DeployedPlace } from '../deploy/deployed-place.js';
import { idsOfPrevious, previousFolder, removeFolder } from './data-files.js';
import { undoRestoreTo } from './restore-to.js';
import { openBeside } from './scratch-server.js';

/**
 * Reverts the newest restore: of a backup, whose previous database was kept, or of a moment, whose whole
 * previous server was kept.
 *
 * @throws UserError as {@link undo} and {@link undoRestoreTo}.
 */
export async function undoRestore(
  context: ServiceContext,
  input: RestoreInput & DeployedPlace,
): Promise<Restored> {
  // No protection receives from what is deployed.
  if (input.cluster || input.swarm) return undo(context, input);
  const database = await findDatabase(await context.engine(), context.project());
  const [server] = await previousServers(context, database);
  if (server === undefined || (await newestDatabase(context, database)) > server) return undo(context, input);
  return withProjectLock(context.project(), { command: 'invctl db restore', signal: context.signal }, () =>
    undoRestoreTo(context, database, server, {
      onStep: (step) => {
        if (step === 'swap' || step === 'restart') input.onProgress?.(step, 0, 0);
      },
      confirm: () =>
        input.confirm({
          from: `the server of before the restore of ${server}`,
          database: database.name,
          rows: [],
          notes: [
            'the whole server comes back as it was when it was replaced; what was committed since is kept, for another --undo',
          ],
        }),
    }),
  );
}

/**
 * Removes what restores kept: previous databases and servers.
 * @throws UserError NOTHING_TO_FORGET, and what `confirm` throws.
 */
export async function forgetRestores(
  world: ServiceContext,
  confirm: (names: readonly string[]) => Promise<void>,
  place: DeployedPlace = {},
): Promise<Forgotten> {
  const context = atPlace(world, place);
  if (place.cluster || place.swarm) return forget(context, confirm);
  const database = await findDatabase(await context.engine(), context.project());
  const record = await readRecord(protectionPlace(database.location, database.settings));
  const servers = (await previousServers(context, database)).map((id) =>
    previousFolder(record?.dataDirectory ?? '', id),
  );
  if (servers.length === 0) return forget(context, confirm);
  let forgotten: string[] = [];
  try {
    ({ forgotten } = await forget(context, (names) => confirm([...names, ...servers])));
  } catch (error) {
    if (!(error instanceof UserError && error.code === 'NOTHING_TO_FORGET')) throw error;
    await confirm(servers);
  }
  for (const folder of servers) await removeFolder(inContainer(database), folder);
  return { forgotten: [...forgotten, ...servers] };
}

/** Ids of the previous servers that restores of a moment kept, newest first. */
async function previousServers(context: ServiceContext, database: Database): Promise<string[]> {
  const record = await readRecord(protectionPlace(database.location, database.settings));
  if (!record) return [];
  const { dataDirectory } = record;
  try {
    return await idsOfPrevious(inContainer(database), dataDirectory);
  } catch (error) {
    if (!(error instanceof UserError && error.code === 'SERVICE_NOT_RUNNING')) throw error;
  }
  // This must also work for a server that does not start.
  const name = `${database.location.name}-restore-look-${timeId(new Date()).toLowerCase()}`;
  const { run } = await openBeside(context, database, { name, dataDirectory, folder: dataDirectory });
  try {
    return await idsOfPrevious(run, dataDirectory);
  } finally {
    await (await openTrials(database.engine, context)).remove(database.location, name);
  }
}

function inContainer(database: Database) {
  return async (command: readonly string[]) => (await runProgram(database, command)).stdout;
}

/** Time id of the newest previous database; empty when there is none. */
async function newestDatabase(context: ServiceContext, database: Database): Promise<string> {
  try {
    const options = { applicationName: 'invctl db restore --undo', signal: context.signal };
    const [newest] = await withMaintenance(database, options, (session) =>
      previousDatabases(session, beforePrefix(database)),
    );
    return newest?.name.slice(-timeId(new Date(0)).length) ?? '';
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof UserError) return '';
    throw error;
  }
}
