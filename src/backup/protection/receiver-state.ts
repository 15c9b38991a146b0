import { existsSync } from 'node:fs';
import { UserError } from '../../errors.js';
import type { ComposeProject } from '../../project/model.js';
import { receiverPlace } from '../../project/receiver.js';
import type { ProjectSettings } from '../../project/settings-file.js';
import { type Window, windowsOf } from './catalogue.js';
import { copyMessage, readCopyNote } from './notes.js';
import {
  baseFailure,
  type ProtectionRecord,
  type ReceiverNote,
  readCatalogue,
  readReceiverNote,
  readRecord,
} from './place.js';

/** What the clients of PostgreSQL say of why they cannot receive, and what it means to who reads it. */
const REASONS: readonly (readonly [pattern: RegExp, meaning: string])[] = [
  [
    /could not translate host name|Connection refused|ECONNREFUSED|ENOENT|No such file or directory|No route to host|timeout expired|could not (?:receive|send) data|closed the connection|terminating connection|replication stream was terminated/i,
    'the database does not run, or cannot be reached (invctl up; where its volume is lost: invctl db restore --to latest)',
  ],
  [/starting up|shutting down|not yet accepting|recovery mode/, 'the database starts or stops'],
  [
    /password authentication failed|no password supplied|role "[^"]*" (?:does not exist|is not permitted)|permission denied/,
    'the receiver cannot log in: its role was dropped or changed (invctl db protect on), or the database is a new, empty one (invctl db restore --to latest)',
  ],
  [
    /pg_hba\.conf/,
    'pg_hba.conf of the database does not let the receiver in (invctl db protect on), or the database is a new, empty one (invctl db restore --to latest)',
  ],
  [/^the receiver was stopped$/, 'the receiver was stopped (invctl up)'],
  [
    /max_wal_senders|max_replication_slots|replication slots are in use/,
    'the database has no sender or slot left for the receiver (raise max_wal_senders and max_replication_slots, then restart it)',
  ],
];

/** In milliseconds. A receiver that has written no note for so long does not work. */
const SILENCE_MS = 20_000;

/** `receiving`: it works. `silent`: there is no recent note of the receiver. */
export type ReceiverState = ReceiverNote['state'] | 'silent';

/** The state of the protection, from the files of its place. */
export interface KnownProtection {
  receiver: ReceiverState;
  /** Why it does not receive, or another problem; empty if there is none. */
  message: string;
  /** Moments that can be restored, as spans without a gap, oldest first. */
  windows: Window[];
}

/**
 * Does not query a database. Undefined: the project has no receiver, whatever an earlier one left in the
 * place. Where the place is gone, or was never on this machine, the receiver waits for it.
 */
export async function knownProtection(
  place: string,
  { services }: Pick<ComposeProject, 'services'>,
  { backup }: Pick<ProjectSettings, 'backup'>,
  now = new Date(),
): Promise<KnownProtection | undefined> {
  const waits = (message: string): KnownProtection | undefined => {
    const expected = Object.values(services).some((service) => receiverPlace(service) !== undefined);
    return expected ? { receiver: 'waiting', message, windows: [] } : undefined;
  };
  try {
    const record = await readRecord(place);
    if (!record) return waits(placeMissing(place));
    if (services[record.service] === undefined) return undefined;
    return await known(place, record, backup, now);
  } catch (error) {
    if (error instanceof UserError && ['NOT_READABLE', 'PROTECTION_DAMAGED'].includes(error.code))
      return waits(error.message);
    throw error;
  }
}

async function known(
  place: string,
  record: ProtectionRecord,
  backup: ProjectSettings['backup'],
  now: Date,
): Promise<KnownProtection> {
  const [catalogue, note, failure] = await Promise.all([
    readCatalogue(place, record),
    readReceiverNote(place),
    baseFailure(place),
  ]);
  const receiver = receiverState(note, now);
  const message =
    receiverMessage(receiver, { note, record, baseFailed: failure, unreadable: catalogue.unreadable }) ||
    (backup.copyTo === undefined ? '' : copyMessage(await readCopyNote(place), now));
  return { receiver, message, windows: windowsOf(catalogue) };
}

/** What is wrong where a project has a receiver, and its place has no record of the server. */
export function placeMissing(place: string): string {
  return `${place} has nothing of it: is a disk missing?  (on another machine: invctl db protect on)`;
}

export function receiverState(note: ReceiverNote | undefined, now = new Date()): ReceiverState {
  return note && now.getTime() - note.at.getTime() < SILENCE_MS ? note.state : 'silent';
}

/**
 * @param known.baseFailed why the last base failed
 * @param known.unreadable marks of bases that cannot be read
 */
export function receiverMessage(
  receiver: ReceiverState,
  known: {
    note: ReceiverNote | undefined;
    record: ProtectionRecord;
    baseFailed: string | undefined;
    unreadable: readonly string[];
  },
): string {
  const { note, record, baseFailed, unreadable } = known;
  // A container keeps the path that it was started with.
  if (receiver === 'silent' && !existsSync(record.file))
    return `the receiver does not run here since ${record.file} was moved or renamed (invctl up)`;
  if (receiver === 'silent')
    return 'the receiver does not run (invctl up), or cannot write into its folder (a disk that is missing or read-only)';
  if (receiver === 'waiting' && note) {
    const [, meaning] = REASONS.find(([pattern]) => pattern.test(note.message)) ?? [];
    if (meaning !== undefined) return meaning;
  }
  if (receiver !== 'receiving') return note?.message || 'the receiver waits for the database';
  if (baseFailed !== undefined) return `the last base backup failed: ${baseFailed}`;
  const [damaged] = unreadable;
  return damaged === undefined
    ? ''
    : `${damaged} cannot be read, so nothing comes back from that base backup: remove its folder, then invctl db backup --base`;
}
