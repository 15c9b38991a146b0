import { z } from 'zod';
import { removeCopy } from '../../backup/load-archive.js';
import { restartClients } from '../../postgres/clients.js';
import { type Database, findDatabase } from '../../postgres/database.js';
import { loadApplicationName } from '../../postgres/derived-names.js';
import { dropDatabase } from '../../postgres/drop-database.js';
import { type LiveState, liveState } from '../../postgres/live-database.js';
import { endSessions, withMaintenance } from '../../postgres/server-sessions.js';
import { startDatabase } from '../../postgres/start-database.js';
import { setAllowConnections } from '../../postgres/swap.js';
import { clusterSchema } from '../deploy/cluster-project.js';
import { atPlace, watchCommand } from '../deploy/deployed-place.js';
import { operation, type Run } from '../operation.js';

/** What `recover` needs to finish or revert a restore. */
const stateSchema = z.object({
  id: z.string(),
  live: z.string(),
  /**
   * The scratch database that the archive is loaded into; null for `--undo`, whose incoming database is kept.
   */
  scratch: z.string().nullable(),
  incoming: z.string(),
  /** Null: there was no live database. */
  previous: z.string().nullable(),
  /** Services to restart after the live name was given to the restored database. */
  clients: z.array(z.string()),
  /** The namespace that the project is deployed to, if the database is there. */
  cluster: clusterSchema.optional(),
  /** True: the database is in the project's stack in the Swarm. */
  swarm: z.boolean().optional(),
});

export type RestoreState = z.infer<typeof stateSchema>;

/** In execution order. */
const STEPS = ['load', 'swap', 'restart'] as const;

export type RestoreRun = Run<RestoreState, (typeof STEPS)[number]>;

/**
 * A restore does both renames in one transaction, so the names on the server show whether the swap was done.
 * With the previous database there, only the app's restart is left; without it, the scratch database is
 * dropped.
 */
export const restoreOperation = operation({
  name: 'db restore',
  state: stateSchema,
  steps: STEPS,
  final: 'restart',
  async reopen(world, { id, cluster, swarm }) {
    const context = atPlace(world, { cluster, swarm });
    const database = await findDatabase(await context.engine(), context.project());
    await startDatabase(context, database);
    await removeCopy(database, id);
    return database;
  },
  finish: {
    async applies({ signal }, database, { state: { previous, incoming }, step }) {
      if (previous !== null) return (await stateOf(database, previous, signal)) !== 'absent';
      // There was no live database before: the swap is done when the incoming database no longer has its old
      // name.
      return (
        (step === 'swap' || step === 'restart') && (await stateOf(database, incoming, signal)) === 'absent'
      );
    },
    async complete(context, database, { state }) {
      const { live, previous, clients } = state;
      await setAllowConnections(database, live, true);
      await restartClients(context, database, clients, restartHint(state, database.location.name));
      return `${live} is the restored database; ${previous === null ? 'there was none before it' : `the one before it is kept as ${previous}`}`;
    },
  },
  async revert({ signal }, database, { state: { id, live, scratch, previous }, cutOff }) {
    await endSessions(database, loadApplicationName(id));
    if (scratch !== null) await dropDatabase(database, scratch, { applicationName: 'invctl' });
    // The Ctrl-C that ended the restore must not end the revert.
    if ((await stateOf(database, live, cutOff ? signal : undefined)) === 'absent') {
      return `the server has no database ${live}, as before the restore`;
    }
    if (previous !== null) await setAllowConnections(database, live, true);
    return `${live} is as it was before the restore`;
  },
});

function stateOf(database: Database, name: string, signal: AbortSignal | undefined): Promise<LiveState> {
  const options = { applicationName: 'invctl recover', ...(signal ? { signal } : {}) };
  return withMaintenance(database, options, (session) => liveState(session, name));
}

/** The hint for a service that does not come back on the restored database. */
export function restartHint(
  { previous, ...place }: Pick<RestoreState, 'previous' | 'cluster' | 'swarm'>,
  project: string,
): string {
  const look = watchCommand(place, project);
  const flag = place.cluster || place.swarm ? ' --deployed' : '';
  return previous === null ? look : `${look}, or go back: invctl db restore${flag} --undo`;
}
