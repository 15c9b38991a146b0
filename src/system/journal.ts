import { mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrorCode, UserError } from '../errors.js';
import { explainFileError, removePartials, syncFolder, writeFileAtomic } from './files.js';
import type { StateOwner } from './state-folder.js';

/** What an operation of more than one step has on disk while it runs: enough to finish or to revert it. */
export interface JournalEntry {
  /** Of the operation; also the file's name. */
  id: string;
  /** As typed, e.g. `db restore`. `invctl recover` finds the one who knows it by this name. */
  operation: string;
  /** The step that was about to begin. */
  step: string;
  /** ISO time of the operation's start. */
  since: string;
  /** True: it only ever adds, so that what it left is litter and keeps nobody from going on. */
  harmless: boolean;
  /** What the operation needs to be finished or reverted. No secret. */
  state: unknown;
}

/** An operation that is under way. */
export interface Journal<State> {
  readonly id: string;
  /** Notes, on the disk, that a step begins; `state` replaces what was noted before. */
  step(name: string, state: State): Promise<void>;
  /** The operation is over, one way or the other. */
  end(): Promise<void>;
}

/** Opens the journal of an operation. Its caller holds the project's lock. */
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

/** Forgets an operation that was finished or reverted. */
export async function endEntry(owner: StateOwner, id: string): Promise<void> {
  const folder = journalFolder(owner);
  await rm(join(folder, `${id}.json`), { force: true });
  await syncFolder(folder);
  await tidyJournal(owner);
}

/** Removes entries that were cut off while they were written, and the folder when it is empty. */
export async function tidyJournal(owner: StateOwner): Promise<void> {
  const folder = journalFolder(owner);
  await removePartials(folder);
  await rmdir(folder).catch((error) => {
    if (!hasErrorCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw error;
  });
}

/** Operations that were cut off, or are under way: the lock tells which. */
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

/** @throws UserError UNFINISHED_OPERATION naming `invctl recover`. */
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
