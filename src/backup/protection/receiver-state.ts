import type { ComposeProject } from '../../project/model.js';
import type { ProjectSettings } from '../../project/settings-file.js';
import { type Window, windowsOf } from './catalogue.js';
import { copyMessage, readCopyNote } from './notes.js';
import { baseFailure, type ReceiverNote, readCatalogue, readReceiverNote, readRecord } from './place.js';

/** Without a word from the receiver for so long, it is not at work. */
const SILENCE_MS = 20_000;

/** `receiving`: all is well. `silent`: the receiver has not been heard of. */
export type ReceiverState = ReceiverNote['state'] | 'silent';

/** What the files of a place say of the protection. */
export interface KnownProtection {
  receiver: ReceiverState;
  /** Why it does not receive, or what else is wrong; empty where nothing is. */
  message: string;
  /** Moments that can be brought back, as stretches without a gap, oldest first. */
  windows: Window[];
}

/** Asks no database. Undefined: the project has no receiver, whatever an earlier one left in the place. */
export async function knownProtection(
  place: string,
  { services }: Pick<ComposeProject, 'services'>,
  { backup }: Pick<ProjectSettings, 'backup'>,
  now = new Date(),
): Promise<KnownProtection | undefined> {
  const record = await readRecord(place);
  if (!record || services[record.service] === undefined) return undefined;
  const [catalogue, note, failure] = await Promise.all([
    readCatalogue(place, record),
    readReceiverNote(place),
    baseFailure(place),
  ]);
  const receiver = receiverState(note, now);
  const message =
    receiverMessage(receiver, note, failure) ||
    (backup.copyTo === undefined ? '' : copyMessage(await readCopyNote(place), now));
  return { receiver, message, windows: windowsOf(catalogue) };
}

export function receiverState(note: ReceiverNote | undefined, now = new Date()): ReceiverState {
  return note && now.getTime() - note.at.getTime() < SILENCE_MS ? note.state : 'silent';
}

/** @param baseFailed why the last base backup failed */
export function receiverMessage(
  receiver: ReceiverState,
  note: ReceiverNote | undefined,
  baseFailed: string | undefined,
): string {
  if (receiver === 'silent') return 'the receiver does not run';
  if (receiver !== 'receiving') return note?.message || 'the receiver waits for the database';
  return baseFailed === undefined ? '' : `the last base backup failed: ${baseFailed}`;
}
