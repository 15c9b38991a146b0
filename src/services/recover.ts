import { ExitCode, UserError } from '../errors.js';
import { endEntry, type JournalEntry, readJournal, tidyJournal } from '../system/journal.js';
import { withProjectLock } from '../system/lock.js';
import type { ServiceContext } from './context.js';

/** What became of an operation that was cut off. */
export interface Recovery {
  operation: string;
  id: string;
  /** The step that it was cut off at. */
  step: string;
  outcome: 'finished' | 'reverted';
  /** What was done, for a person. */
  message: string;
}

export type Recoverer = (
  context: ServiceContext,
  entry: JournalEntry,
) => Promise<Pick<Recovery, 'outcome' | 'message'>>;

/** Who knows what, by the operation's name in the journal. */
const RECOVERERS: Record<string, () => Promise<Recoverer>> = {
  'db backup': async () => (await import('./database/recover-backup.js')).recoverBackup,
  'db restore (physical)': async () => (await import('./database/physical-restore.js')).recoverPhysical,
  'db restore': async () => (await import('./database/recover-restore.js')).recoverRestore,
  'db upgrade': async () => (await import('./database/upgrade/recover-upgrade.js')).recoverUpgrade,
  'secrets rotate': async () => (await import('./secrets/recover-rotation.js')).recoverRotation,
};

/**
 * Finishes or reverts every operation that was cut off, oldest first. Where there is none, nothing happens.
 * @throws UserError JOURNAL_UNKNOWN for an entry of another version of invctl, and what a recoverer throws; the
 *   entry stays then.
 */
export async function recover(context: ServiceContext): Promise<Recovery[]> {
  const { directory } = context.project();
  return withProjectLock(
    directory,
    { command: 'invctl recover', recovers: true, signal: context.signal },
    async () => {
      const recoveries: Recovery[] = [];
      for (const entry of await readJournal(directory)) {
        const load = RECOVERERS[entry.operation];
        if (!load) throw unknownEntry(entry);
        const result = await (await load())(context, entry);
        await endEntry(directory, entry.id);
        recoveries.push({ operation: entry.operation, id: entry.id, step: entry.step, ...result });
      }
      await tidyJournal(directory);
      return recoveries;
    },
  );
}

function unknownEntry({ operation, id }: JournalEntry): UserError {
  return new UserError({
    code: 'JOURNAL_UNKNOWN',
    message: `the journal has an operation that this version of invctl does not know: ${operation} (${id})`,
    hint: 'use the version of invctl that began it',
    exitCode: ExitCode.failure,
  });
}
