import { mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrorCode, UserError } from '../errors.js';
import { explainFileError, removePartials, syncFolder, writeFileAtomic } from './files.js';
import type { StateOwner } from './state-folder.js';

/** The note on disk of an operation at work that has more than one step: enough to finish or revert it. */
export interface JournalEntry {
  /** Id of the operation; also the file's name. */
  id: string;
  /** The command as typed, such as `db restore`. `invctl recover` finds the code for it by this name. */
  operation: string;
  /** The step that was about to begin. */
  step: string;
  /** ISO time of the operation's start. */
  since: string;
  /** True: the operation only adds things, so its leftovers do not prevent other operations. */
  harmless: boolean;
  /** The data that is needed to finish or revert the operation. No secret. */
  state: unknown;
}

/** The journal of an operation at work. */
export interface Journal<State> {
  readonly id: string;
  /** Records on the disk that a step begins; `state` replaces the earlier one. */
  step(name: string, state: State): Promise<void>;
  /** Removes the entry: the operation is finished or reverted. */
  end(): Promise<void>;
}

/** Opens the journal of an operation. The caller must hold the project's lock. */
export async function beginJournal<State>(
  owner: StateOwner,
  {
    operation,
    id,
    harmless = false,
    since = new Date().toISOString(),
  }: { operation: string; id: string; harmless?: boolean; since?: string },
): Promise<Journal<State>> {
  const folder = journalFolder(owner);
  const file = join(folder, `${id}.json`);
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw explainFileError(error, folder);
  }
  return {
    id,
    async step(name, state) {
      const entry: JournalEntry = { id, operation, step: name, since, harmless, state };
      await writeFileAtomic(file, `${JSON.stringify(entry, null, 2)}\n`, 0o600);
    },
    end: () => endEntry(owner, id),
  };
}

/** Removes the entry of an operation that was finished or reverted. */
export async function endEntry(owner: StateOwner, id: string): Promise<void> {
  const folder = journalFolder(owner);
  await rm(join(folder, `${id}.json`), { force: true });
  await syncFolder(folder);
  await tidyJournal(owner);
}

/** Removes incompletely written entries, and the folder if it is empty. */
export async function tidyJournal(owner: StateOwner): Promise<void> {
  const folder = journalFolder(owner);
  await removePartials(folder);
  await rmdir(folder).catch((error) => {
    if (!hasErrorCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw error;
  });
}

/** Returns operations that were interrupted or are at work; the lock shows which. */
export async function readJournal(owner: StateOwner): Promise<JournalEntry[]> {
  const folder = journalFolder(owner);
  let names: string[];
  try {
    names = (await readdir(folder)).filter((name) => name.endsWith('.json') && !name.startsWith('.'));
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return [];
    throw error;
  }
  const entries = await Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as JournalEntry),
  );
  return entries.sort((a, b) => a.since.localeCompare(b.since));
}

/** @throws UserError UNFINISHED_OPERATION with the command `invctl recover`. */
export async function assertNothingUnfinished(owner: StateOwner): Promise<void> {
  const entry = (await readJournal(owner)).find(({ harmless }) => !harmless);
  if (!entry) return;
  throw new UserError({
    code: 'UNFINISHED_OPERATION',
    message: `\`invctl ${entry.operation}\` of ${entry.since} was cut off at its step "${entry.step}"`,
    hint: 'invctl recover      (finishes or reverts it)',
    details: { operation: entry.operation, step: entry.step, id: entry.id },
  });
}

function journalFolder({ stateFolder }: StateOwner): string {
  return join(stateFolder, 'journal');
}
