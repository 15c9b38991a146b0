import { ExitCode, UserError } from '../errors.js';
import { type JournalEntry, readJournal, tidyJournal } from '../system/journal.js';
import { withProjectLock } from '../system/lock.js';
import type { ServiceContext } from './context.js';
import { clusterLocation, inCluster } from './deploy/cluster-project.js';
import { provedCluster, rememberedCluster } from './deploy/deployed-record.js';
import { type Recovered, recoverEntry } from './operation.js';
import { OPERATIONS } from './operations.js';

/** The result of recovering an operation that was cut off. */
export interface Recovery extends Recovered {
  operation: string;
  id: string;
  /** The step that it was cut off at. */
  step: string;
}

/**
 * Finishes or reverts every operation that was cut off, oldest first. Does nothing when there is none.
 * @throws UserError JOURNAL_UNKNOWN for an entry of another version of invctl, and of {@link recoverEntry}.
 */
export async function recover(context: ServiceContext): Promise<Recovery[]> {
  const location = context.project();
  return withProjectLock(
    location,
    { command: 'invctl recover', recovers: true, signal: context.signal },
    async () => {
      const recoveries = await recoverAll(context);
      const cluster = await rememberedCluster(location);
      if (!cluster) return recoveries;
      // What was taken of the database there has a folder of its own, with a journal.
      const own = clusterLocation(location, cluster);
      if ((await readJournal(own)).length === 0) return recoveries;
      await provedCluster(context, location);
      return [...recoveries, ...(await recoverAll({ ...inCluster(context, cluster), project: () => own }))];
    },
  );
}

async function recoverAll(context: ServiceContext): Promise<Recovery[]> {
  const location = context.project();
  const recoveries: Recovery[] = [];
  for (const entry of await readJournal(location)) {
    const operation = OPERATIONS.find(({ name }) => name === entry.operation);
    if (!operation) throw unknownEntry(entry);
    const outcome = await recoverEntry(operation, context, entry);
    recoveries.push({ operation: entry.operation, id: entry.id, step: entry.step, ...outcome });
  }
  await tidyJournal(location);
  return recoveries;
}

function unknownEntry({ operation, id }: JournalEntry): UserError {
  return new UserError({
    code: 'JOURNAL_UNKNOWN',
    message: `the journal has an operation that this version of invctl does not know: ${operation} (${id})`,
    hint: 'use the version of invctl that began it',
    exitCode: ExitCode.failure,
  });
}
