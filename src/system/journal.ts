import { mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrorCode, UserError } from '../errors.js';
import { explainFileError, removePartials, syncFolder, writeFileAtomic } from './files.js';

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
  directory: string,
  {
    operation,
    id,
    harmless = false,
    since = new Date().toISOString(),
  }: { operation: string; id: string; harmless?: boolean; since?: string },
): Promise<Journal<State>> {
  const folder = journalFolder(directory);
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
    end: () => endEntry(directory, id),
  };
}

/** Forgets an operation that was finished or reverted. */
export async function endEntry(directory: string, id: string): Promise<void> {
  const folder = journalFolder(directory);
  await rm(join(folder, `${id}.json`), { force: true });
  await syncFolder(folder);
  await tidyJournal(directory);
}

/** Removes entries that were cut off while they were written, and the folder when it is empty. */
export async function tidyJournal(directory: string): Promise<void> {
  const folder = journalFolder(directory);
  await removePartials(folder);
  await rmdir(folder).catch((error) => {
    if (!hasErrorCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw error;
  });
}

/** Operations that were cut off, or are under way: the lock tells which. */
export async function readJournal(directory: string): Promise<JournalEntry[]> {
  const folder = journalFolder(directory);
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
export async function assertNothingUnfinished(directory: string): Promise<void> {
  const entry = (await readJournal(directory)).find(({ harmless }) => !harmless);
  if (!entry) return;
  throw new UserError({
    code: 'UNFINISHED_OPERATION',
    message: `\`invctl ${entry.operation}\` of ${entry.since} was cut off at its step "${entry.step}"`,
    hint: 'invctl recover      (finishes or reverts it)',
    details: { operation: entry.operation, step: entry.step, id: entry.id },
  });
}

function journalFolder(directory: string): string {
  return join(directory, '.invctl', 'journal');
}
