import { readIdentities } from '../../backup/encryption.js';
import { RemovedFiles } from '../../backup/protection/removed-files.js';
import type { Opener } from '../../backup/protection/stored-file.js';
import type { Database } from '../../postgres/database.js';
import { type Lsn, segmentOf } from '../../postgres/wal.js';
import { readStretch, stretchesOf, type WalEvent } from '../../postgres/wal-records.js';
import type { ServiceContext } from '../context.js';
import type { Choice } from './choose.js';
import { openSegment } from './history.js';

/**
 * Makes a recovery that would stop in the middle of a DROP DATABASE stop before it, with a warning.
 * @param segmentBytes the server's `wal_segment_size`.
 */
export async function stopBeforeDrop(
  context: ServiceContext,
  database: Database,
  place: string,
  choice: Choice,
  segmentBytes: number,
): Promise<Choice> {
  const stop = await stopOf(context, database, place, choice, segmentBytes);
  if (stop === null) return choice;
  context.warn(
    'a database was being dropped at that moment: what is brought back ends before that, so that it is there',
  );
  return { ...choice, target: { kind: 'position', lsn: stop } };
}

async function stopOf(
  context: ServiceContext,
  database: Database,
  place: string,
  { plan: { segments }, target, commit }: Choice,
  segmentBytes: number,
): Promise<Lsn | null> {
  const removed = new RemovedFiles(({ lsn, at }) =>
    target.kind === 'moment' ? at > target.at : lsn === commit,
  );
  const near = segments.findIndex(({ changedAt, number }) =>
    target.kind === 'moment'
      ? changedAt >= target.at
      : commit !== undefined && number >= segmentOf(commit, segmentBytes),
  );
  if (near < 0) return null;
  let identities: ReturnType<Opener> | undefined;
  const opener: Opener = () => {
    identities ??= readIdentities(context, database);
    return identities;
  };
  // What a DROP begins with may be in the segment before.
  let pending: { bytes: Buffer; start: Lsn } | undefined;
  const take = (following?: { bytes: Buffer; start: Lsn }) => {
    if (!pending) return undefined;
    const { bytes, start } = pending;
    const joined = following?.start === start + BigInt(bytes.length) ? following.bytes : undefined;
    const events: WalEvent[] = [];
    readStretch(bytes, start, joined, (event) => events.push(event));
    return removed.add(events);
  };
  for (const segment of segments.slice(Math.max(0, near - 1))) {
    const file = await openSegment(place, segment, opener);
    if (!file) return null;
    try {
      const begin = BigInt(segment.number) * BigInt(segmentBytes);
      for (const { offset, bytes, start } of stretchesOf(begin, segmentBytes).toReversed()) {
        context.signal.throwIfAborted();
        const next = { bytes: await file.read(offset, bytes), start };
        const found = take(next);
        if (found) return found.stop;
        pending = next;
      }
    } finally {
      await file.close();
    }
  }
  return take()?.stop ?? null;
}
