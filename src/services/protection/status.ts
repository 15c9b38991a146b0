import { type Window, windowsOf } from '../../backup/protection/catalogue.js';
import { earlierServers } from '../../backup/protection/earlier.js';
import { copyMessage, type DrillNote, readCopyNote, readDrillNote } from '../../backup/protection/notes.js';
import {
  baseFailure,
  protectionPlace,
  readCatalogue,
  readReceiverNote,
  readRecord,
} from '../../backup/protection/place.js';
import {
  placeMissing,
  type ReceiverState,
  receiverMessage,
  receiverState,
} from '../../backup/protection/receiver-state.js';
import { UserError } from '../../errors.js';
import { type Database, findDatabase } from '../../postgres/database.js';
import { withMaintenance } from '../../postgres/server-sessions.js';
import { onlyRow } from '../../postgres/session.js';
import { receiverName } from '../../project/receiver.js';
import type { ProjectSettings } from '../../project/settings-file.js';
import { literal } from '../../system/sql.js';
import type { ServiceContext } from '../context.js';
import { protectedThere } from './not-protected.js';
import { receiverSettings } from './receiver-service.js';
import { isOfOtherVersion } from './renew-receiver.js';
import { PROTECT_SLOT } from './server-side.js';

export interface ProtectionStatus {
  /** Whether the project has a receiver, and a place on this machine. */
  on: boolean;
  receiver: ReceiverState | 'off';
  /** Why it does not receive; empty while it does. */
  message: string;
  place: string;
  /** Stretches of time without a gap that can be restored, oldest first. */
  windows: Window[];
  /** Of servers that upgrades have replaced: their tables can be restored, with an image of their major. */
  earlier: { major: number; windows: Window[] }[];
  /** When the receiver began its newest stretch of WAL; null: it never did. */
  since: Date | null;
  /** Seconds since the last moment that can be restored; null: there is none. */
  lagSeconds: number | null;
  /** Bytes that the server has and the place does not; null: the server does not say. */
  lagBytes: number | null;
  bases: number;
  newestBase: { id: string; endedAt: Date; bytes: number } | null;
  bytes: { bases: number; wal: number };
  /** Where the copies are, and until when they are complete; null: invctl.yaml names no place. */
  copy: { address: string; covered: Date | null; message: string } | null;
  /** Result of the newest `db verify --to`; null: there was none. */
  drill: DrillNote | null;
  everySeconds: number | null;
  keepSeconds: number | null;
}

/**
 * The state of the protection of the project's database now. Changes nothing.
 * @throws UserError PROTECTION_NOT_HERE, of a database on another machine
 */
export async function protectionStatus(context: ServiceContext): Promise<ProtectionStatus> {
  const remote = context.host?.remote;
  if (remote) throw protectedThere(remote.address.host);
  const database = await findDatabase(await context.engine(), context.project());
  return statusOf(context, database);
}

async function statusOf(context: ServiceContext, database: Database): Promise<ProtectionStatus> {
  const { location, settings } = database;
  const place = protectionPlace(location, settings);
  const record = await readRecord(place);
  const service = database.project.services[receiverName(database.service)];
  const catalogue = record && (await readCatalogue(place, record));
  const note = await readReceiverNote(place);
  const on = record !== undefined && service?.environment.EVERY !== undefined;
  const receiver = on ? receiverState(note) : 'off';
  const segments = catalogue?.runs.flatMap((run) => run.segments) ?? [];
  const newest = catalogue?.bases.at(-1);
  const failure = await baseFailure(place);
  const server = on ? await askServer(context, database) : undefined;
  const other = server !== undefined && server.systemIdentifier !== record?.systemIdentifier;
  const known = { note, baseFailed: failure, unreadable: catalogue?.unreadable ?? [] };
  const wrong = other
    ? otherServer(place)
    : on
      ? receiverMessage(receiver as ReceiverState, { ...known, record })
      : service?.environment.EVERY !== undefined
        ? placeMissing(place)
        : '';
  return {
    on,
    receiver,
    message: wrong || (on && (await isOfOtherVersion(place, record, location)) ? OTHER_SCRIPT : ''),
    place,
    windows: catalogue ? windowsOf(catalogue) : [],
    earlier: await windowsOfEarlier(place),
    since: catalogue?.live.at(-1)?.at ?? null,
    lagSeconds: note?.covered ? Math.max(0, Math.round((Date.now() - note.covered.getTime()) / 1000)) : null,
    lagBytes: server?.lagBytes ?? null,
    bases: catalogue?.bases.length ?? 0,
    newestBase: newest ? { id: newest.id, endedAt: newest.endedAt, bytes: newest.bytes } : null,
    bytes: {
      bases: catalogue?.bases.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0,
      wal: segments.reduce((sum, { bytes }) => sum + bytes, 0),
    },
    copy: settings.backup.copyTo === undefined ? null : await copyOf(place, settings.backup.copyTo, on),
    drill: (await readDrillNote(place)) ?? null,
    ...(on && service ? receiverSettings(service) : { everySeconds: null, keepSeconds: null }),
  };
}

/** Oldest first. */
async function windowsOfEarlier(place: string): Promise<ProtectionStatus['earlier']> {
  const found: ProtectionStatus['earlier'] = [];
  for (const { folder, record } of await earlierServers(place)) {
    const windows = windowsOf(await readCatalogue(folder, record));
    if (record.major !== undefined && windows.length > 0) found.push({ major: record.major, windows });
  }
  return found.sort((one, other) => Number(one.windows[0]?.from) - Number(other.windows[0]?.from));
}

/** Where `backup.copyTo` leads. */
export function configuredAddress(copyTo: ProjectSettings['backup']['copyTo'] & {}): string {
  return typeof copyTo === 'string' ? copyTo : `s3://${copyTo.bucket}/${copyTo.prefix ?? ''}`;
}

async function copyOf(
  place: string,
  copyTo: ProjectSettings['backup']['copyTo'] & {},
  on: boolean,
): Promise<ProtectionStatus['copy']> {
  const note = await readCopyNote(place);
  return {
    address: note?.address ?? configuredAddress(copyTo),
    covered: note?.covered ? new Date(note.covered) : null,
    message: on ? copyMessage(note) : '',
  };
}

/** What the server says of itself; undefined: it does not answer. */
async function askServer(
  context: ServiceContext,
  database: Database,
): Promise<{ systemIdentifier: string; lagBytes: number | null } | undefined> {
  try {
    return await withMaintenance(
      database,
      { applicationName: 'invctl db protect status', signal: context.signal },
      (session) =>
        onlyRow<{ systemIdentifier: string; lagBytes: number | null }>(
          session,
          `SELECT system_identifier::text AS "systemIdentifier",
                  (SELECT pg_wal_lsn_diff(pg_current_wal_flush_lsn(), restart_lsn)::float8
                     FROM pg_replication_slots WHERE slot_name = ${literal(PROTECT_SLOT)}) AS "lagBytes"
             FROM pg_control_system()`,
        ),
    );
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

const OTHER_SCRIPT = 'the receiver is that of another version of invctl (invctl up)';

/** A volume that was lost is made anew by the next start, and an empty server is in its place. */
function otherServer(place: string): string {
  return `the database is another server than the one that was protected, as after its volume was lost or made anew: invctl db restore --to latest brings back what lies in ${place}`;
}
