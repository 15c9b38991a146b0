import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { configuredStore, noStore } from '../../backup/configured-store.js';
import type { CopyStore } from '../../backup/copy-store.js';
import { readCopyNote, writeCopyNote } from '../../backup/protection/notes.js';
import { protectionPlace, readRecord } from '../../backup/protection/place.js';
import { type Shipped, Shipper } from '../../backup/protection/ship.js';
import { UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import { type ProjectSettings, readSettings } from '../../project/settings-file.js';
import { withProjectLock } from '../../system/lock.js';
import type { ServiceContext } from '../context.js';
import { notProtected } from './switch.js';

export interface ShipOptions {
  /** True: continue what another machine wrote in the place of copies. */
  takeOver: boolean;
  onBytes?: (total: number) => void;
}

/** The result of a round. */
export type Round = ({ shipped: Shipped } | { failure: UserError }) & { address: string };

interface Way {
  location: ProjectLocation;
  settings: ProjectSettings;
  store: CopyStore;
}

/**
 * Ships bases and WAL to the place of copies, once.
 * @returns undefined when nothing is protected, and while {@link followCopies} runs in another process.
 * @throws UserError COPIES_UNREACHABLE, COPY_OF_ANOTHER
 */
export async function shipProtection(
  context: ServiceContext,
  way: Way,
  options: ShipOptions,
): Promise<Shipped | undefined> {
  const place = protectionPlace(way.location, way.settings);
  if (!(await readRecord(place))) return undefined;
  try {
    return await withShipper(context, way, { ...options, follows: false }, (round) => round());
  } catch (error) {
    if (error instanceof UserError && error.code === 'PROJECT_LOCKED') return undefined;
    throw error;
  }
}

/**
 * Ships bases and WAL to the place of copies until it is interrupted. It retries a place that does not
 * answer.
 *
 * @param input.everySeconds from the end of one round to the start of the next.
 * @throws UserError NO_COPY_STORE (exit 4), NOT_PROTECTED, PROJECT_LOCKED (exit 9) where another process
 * follows.
 */
export async function followCopies(
  context: ServiceContext,
  input: ShipOptions & { everySeconds: number; onRound: (round: Round) => void },
): Promise<void> {
  const location = context.project();
  const settings = await readSettings(location);
  if (settings.backup.copyTo === undefined) throw noStore();
  const { signal } = context;
  if (!(await readRecord(protectionPlace(location, settings)))) throw notProtected();
  const store = await untilReached(context, { location, settings }, input);
  if (!store) return;
  await withShipper(context, { location, settings, store }, { ...input, follows: true }, async (round) => {
    while (!signal.aborted) {
      try {
        input.onRound({ shipped: await round(), address: store.address });
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof UserError)) throw error;
        input.onRound({ failure: error, address: store.address });
      }
      await pause(input.everySeconds, signal);
    }
  });
}

/** Waits for a folder whose disk is not mounted yet. Undefined: it was interrupted. */
async function untilReached(
  context: ServiceContext,
  way: Omit<Way, 'store'>,
  { everySeconds, onRound }: { everySeconds: number; onRound: (round: Round) => void },
): Promise<CopyStore | undefined> {
  while (!context.signal.aborted) {
    try {
      return await configuredStore(context, way);
    } catch (error) {
      if (!(error instanceof UserError) || error.code !== 'COPIES_UNREACHABLE') throw error;
      const address = String(error.details?.address ?? '');
      await note(protectionPlace(way.location, way.settings), {
        address,
        failure: error.message,
        follows: true,
      });
      onRound({ failure: error, address });
      await pause(everySeconds, context.signal);
    }
  }
  return undefined;
}

async function withShipper<T>(
  { signal }: ServiceContext,
  { location, settings, store }: Way,
  { takeOver, onBytes, follows }: ShipOptions & { follows: boolean },
  body: (round: () => Promise<Shipped>) => Promise<T>,
): Promise<T> {
  const place = protectionPlace(location, settings);
  const owner = { stateFolder: join(location.stateFolder, 'copying') };
  // A lock of its own, not the project's: other commands can run meanwhile.
  return withProjectLock(owner, { command: 'invctl db copy', recovers: true, signal }, async () => {
    if (!(await readRecord(place))) throw notProtected();
    const shipper = new Shipper({
      root: store,
      project: location.name,
      place,
      recipients: settings.backup.encryptTo ?? [],
      takeOver,
    });
    return body(async () => {
      try {
        const shipped = await shipper.ship({ signal, ...(onBytes ? { onBytes } : {}) });
        const covered = shipped.covered?.toISOString() ?? null;
        await note(place, { address: shipper.address, covered, failure: null, follows });
        return shipped;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof UserError)) throw error;
        await note(place, { address: shipper.address, failure: error.message, follows });
        throw error;
      }
    });
  });
}

/** @param change.covered undefined: unchanged. */
async function note(
  place: string,
  change: { address: string; covered?: string | null; failure: string | null; follows: boolean },
): Promise<void> {
  const before = await readCopyNote(place);
  const { covered = before?.covered ?? null } = change;
  await writeCopyNote(place, { ...change, covered, at: new Date().toISOString() });
}

async function pause(seconds: number, signal: AbortSignal): Promise<void> {
  await sleep(seconds * 1000, undefined, { signal }).catch((error) => {
    if (!signal.aborted) throw error;
  });
}
