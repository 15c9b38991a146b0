import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { configuredStore, noStore } from '../../backup/configured-store.js';
import type { CopyStore, TransferOptions } from '../../backup/copy-store.js';
import { readCopyNote, writeCopyNote } from '../../backup/protection/notes.js';
import { protectionPlace, readRecord } from '../../backup/protection/place.js';
import { Shipper } from '../../backup/protection/ship.js';
import type { Growth, Shipped } from '../../backup/protection/ship-server.js';
import { UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import { type ProjectSettings, readSettings } from '../../project/settings-file.js';
import { allEnded } from '../../system/all-ended.js';
import { withProjectLock } from '../../system/lock.js';
import type { ServiceContext } from '../context.js';
import { notProtected } from './not-protected.js';

export interface ShipOptions {
  /** True: continue what another machine wrote in the place of copies. */
  takeOver: boolean;
  onBytes?: (total: number) => void;
}

/** In milliseconds: between two looks for whole segments and bases, and after a failure. */
const ROUND_MS = 5000;

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
    return await withShipper(context, way, { ...options, follows: false }, ({ shipper, note }) =>
      note('all', () => shipper.ship(transfer(context, options))),
    );
  } catch (error) {
    if (error instanceof UserError && error.code === 'PROJECT_LOCKED') return undefined;
    throw error;
  }
}

/**
 * Ships bases and WAL to the place of copies until it is interrupted: what the open segment grew by, whole
 * segments, and bases, each beside the others, so that none waits for an upload of another. It retries a place
 * that does not answer.
 *
 * @param input.everySeconds how often what the open segment grew by is sent.
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
  if (!(await readRecord(protectionPlace(location, settings)))) throw notProtected(location);
  const store = await untilReached(context, { location, settings }, input);
  if (!store) return;
  const way = { location, settings, store };
  await withShipper(context, way, { ...input, follows: true }, async ({ shipper, note, failing }) => {
    const growthMs = input.everySeconds * 1000;
    const roundMs = Math.max(growthMs, ROUND_MS);
    const stop = new AbortController();
    const inner = AbortSignal.any([signal, stop.signal]);
    const options = transfer({ signal: inner }, input);
    const repeat = (part: Part, everyMs: number, ship: () => Promise<Shipped | Growth | undefined>) =>
      repeated(inner, async () => {
        const startedAt = performance.now();
        try {
          const shipped = await note(part, ship);
          if (shipped && 'segments' in shipped && !failing())
            input.onRound({ shipped, address: store.address });
          return (shipped ? everyMs : growthMs) - (performance.now() - startedAt);
        } catch (error) {
          if (inner.aborted) return 0;
          if (!(error instanceof UserError)) throw error;
          input.onRound({ failure: error, address: store.address });
          return roundMs;
        }
      }).catch((error) => {
        stop.abort();
        throw error;
      });
    const parts = [
      repeat('growth', growthMs, () => shipper.shipGrowth(options)),
      repeat('segments', roundMs, () => shipper.shipWal(options)),
      repeat('bases', roundMs, () => shipper.shipBases(options)),
    ];
    // Nobody writes there any more when the lock is released.
    await allEnded(parts);
  });
}

/** @param work returns the milliseconds until it is called again. */
async function repeated(signal: AbortSignal, work: () => Promise<number>): Promise<void> {
  while (!signal.aborted) await pause(await work(), signal);
}

function transfer({ signal }: Pick<ServiceContext, 'signal'>, { onBytes }: ShipOptions): TransferOptions {
  return { signal, ...(onBytes ? { onBytes } : {}) };
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
      await pause(Math.max(everySeconds * 1000, ROUND_MS), context.signal);
    }
  }
  return undefined;
}

/** What is repeated by itself, or all of it once. */
type Part = 'all' | 'growth' | 'segments' | 'bases';

interface OpenShipper {
  shipper: Shipper;
  /** Ships, and notes in the place how that went. */
  note<T extends Shipped | Growth | undefined>(part: Part, ship: () => Promise<T>): Promise<T>;
  /** Whether a part of the work failed the last time. */
  failing(): boolean;
}

async function withShipper<T>(
  { signal }: ServiceContext,
  { location, settings, store }: Way,
  { takeOver, follows }: ShipOptions & { follows: boolean },
  body: (open: OpenShipper) => Promise<T>,
): Promise<T> {
  const place = protectionPlace(location, settings);
  const owner = { stateFolder: join(location.stateFolder, 'copying') };
  // A lock of its own, not the project's: other commands can run meanwhile.
  return withProjectLock(owner, { command: 'invctl db copy', recovers: true, signal }, async () => {
    if (!(await readRecord(place))) throw notProtected(location);
    const shipper = new Shipper({
      root: store,
      project: location.name,
      place,
      recipients: settings.backup.encryptTo ?? [],
      takeOver,
    });
    const failures = new Map<Part, string>();
    let noting: Promise<unknown> = Promise.resolve();
    // Undefined: as the note says.
    let covered: Date | null | undefined;
    const write = () => {
      const [failure = null] = failures.values();
      const until = covered === undefined ? {} : { covered: covered?.toISOString() ?? null };
      noting = noting
        .catch(() => {})
        .then(() => note(place, { address: shipper.address, failure, follows, ...until }));
      return noting;
    };
    return body({
      shipper,
      failing: () => failures.size > 0,
      async note(part, ship) {
        try {
          const shipped = await ship();
          const healed = failures.delete(part);
          const until = shipped?.covered;
          const whole = part === 'all' || part === 'segments';
          if (until && (!covered || until > covered)) covered = until;
          else if (whole && !until) covered = null;
          else if (!whole && !healed) return shipped;
          await write();
          return shipped;
        } catch (error) {
          signal.throwIfAborted();
          if (!(error instanceof UserError)) throw error;
          failures.set(part, error.message);
          await write();
          throw error;
        }
      },
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

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.max(0, milliseconds), undefined, { signal }).catch((error) => {
    if (!signal.aborted) throw error;
  });
}
