import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { planRecovery, windowsOf } from '../../../../src/backup/protection/catalogue.js';
import { putAside, removeServer, unneededServers } from '../../../../src/backup/protection/earlier.js';
import { readCatalogue, readRecord, removeFromPlace } from '../../../../src/backup/protection/place.js';
import { unneeded } from '../../../../src/backup/protection/retention.js';
import {
  contentOf,
  emptyPlace,
  oftenRestored,
  type WrittenPlace,
  writePlace,
} from '../../../support/protection/place.js';
import { byReceiver } from '../../../support/protection/receiver.js';

const now = new Date();
const ago = (seconds: number) => new Date(Math.floor(now.getTime() / 1000) * 1000 - seconds * 1000);

function removeByReceiver(place: string, written: WrittenPlace): void {
  byReceiver(place, written, 'remove_old\nremove_earlier');
}

async function removeByPrune(place: string, { keepSeconds }: WrittenPlace): Promise<void> {
  const record = await readRecord(place);
  if (!record) throw new Error('no record');
  await removeFromPlace(place, unneeded(await readCatalogue(place, record), keepSeconds));
  for (const server of await unneededServers(place, keepSeconds)) await removeServer(server);
}

/** An hour a segment, and bases among them; a restore in the middle goes back by some segments, and may be undone. */
const anyPlace = fc
  .record({
    hours: fc.integer({ min: 1, max: 30 }),
    baseHours: fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { maxLength: 6 }),
    restore: fc.option(
      fc.record({
        hour: fc.integer({ min: 1, max: 20 }),
        back: fc.integer({ min: 1, max: 8 }),
        undoneAfter: fc.option(fc.integer({ min: 1, max: 9 })),
      }),
    ),
    keepHours: fc.integer({ min: 1, max: 30 }),
    fullEvery: fc.integer({ min: 1, max: 4 }),
  })
  .map(({ hours, baseHours, restore, keepHours, fullEvery }): WrittenPlace => {
    const at = (hour: number) => ago((hours - hour) * 3600 + 600);
    const restored = restore?.hour ?? Number.POSITIVE_INFINITY;
    const undone = restored + (restore?.undoneAfter ?? Number.POSITIVE_INFINITY);
    const state = (hour: number) => {
      if (hour < restored) return { timeline: 1, segment: 10 + hour };
      if (hour < undone) return { timeline: 2, segment: 10 + hour - (restore?.back ?? 0) };
      return { timeline: 1, segment: 10 + hour - (undone - restored) };
    };
    const all = Array.from({ length: hours + 1 }, (_, hour) => ({ hour, ...state(hour) }));
    const of = (timeline: number) =>
      all.filter((it) => it.timeline === timeline).map(({ segment }) => segment);
    const live = all.filter(({ timeline }, index) => timeline !== all[index - 1]?.timeline);
    // The receiver takes one where a run begins.
    const wanted = new Set([0, restored, ...baseHours]);
    const taken = all.filter(({ hour }) => wanted.has(hour));
    return {
      bases: taken.map((it, index) => ({
        ...it,
        endedAt: at(it.hour),
        parent: index % fullEvery === 0 || taken[index - 1]?.timeline !== it.timeline ? undefined : index - 1,
      })),
      runs: { '00000001-0001': of(1), ...(restored <= hours ? { '00000002-0001': of(2) } : {}) },
      histories:
        restored <= hours ? { 2: [{ timeline: 1, segment: 10 + restored - (restore?.back ?? 0) }] } : {},
      live: live.map(({ hour, timeline }) => ({ at: at(hour), run: `0000000${timeline}-0001` })),
      keepSeconds: keepHours * 3600,
      covered: now,
    };
  });

describe('what is too old', () => {
  const places: string[] = [];
  afterEach(() => {
    for (const place of places.splice(0)) rmSync(place, { recursive: true, force: true });
  });
  const place = async (written: WrittenPlace) => {
    const folder = emptyPlace();
    places.push(folder);
    await writePlace(folder, written);
    return folder;
  };
  const catalogueOf = async (folder: string) => {
    const record = await readRecord(folder);
    if (!record) throw new Error('no record');
    return readCatalogue(folder, record);
  };

  it('is the same to the receiver and to prune, and every moment that is to be kept can still be brought back', async () => {
    await fc.assert(
      fc.asyncProperty(anyPlace, async (written) => {
        const [one, other] = [await place(written), await place(written)];
        const before = await catalogueOf(one);
        removeByReceiver(one, written);
        await removeByPrune(other, written);
        expect(contentOf(other)).toEqual(contentOf(one));
        const after = await catalogueOf(one);
        const from = ago(written.keepSeconds);
        for (let hour = 0; hour < written.keepSeconds / 3600; hour += 1) {
          const moment = new Date(from.getTime() + hour * 3_600_000 + 1000);
          expect(planRecovery(after, moment) !== undefined).toBe(planRecovery(before, moment) !== undefined);
        }
        expect(windowsOf(after).at(-1)?.until).toEqual(windowsOf(before).at(-1)?.until);
      }),
      { numRuns: 25 },
    );
  });

  it('goes, with the WAL that only it needs', async () => {
    const folder = await place({
      bases: [0, 24, 48, 72].map((hour) => ({
        timeline: 1,
        segment: 10 + hour,
        endedAt: ago((72 - hour) * 3600),
      })),
      runs: { '00000001-0001': Array.from({ length: 80 }, (_, i) => 10 + i) },
      live: [{ at: ago(73 * 3600), run: '00000001-0001' }],
      keepSeconds: 30 * 3600,
      covered: now,
    });
    const { bases, segments } = unneeded(await catalogueOf(folder), 30 * 3600);
    expect(bases.length).toBe(1);
    expect(segments.map(({ number }) => number)).toEqual(Array.from({ length: 24 }, (_, i) => 10 + i));
  });

  it('is the same after a hundred restores, and is found in moments', async () => {
    const written = {
      ...oftenRestored({ timelines: 100, basesEach: 2, segmentsEach: 4, now }),
      keepSeconds: 1800,
    };
    const [one, other] = [await place(written), await place(written)];
    removeByReceiver(one, written);
    await removeByPrune(other, written);
    expect(contentOf(other)).toEqual(contentOf(one));
    expect(contentOf(one).filter((name) => name.startsWith('bases/')).length).toBe(1);
  });

  it('is never the last base, nor the WAL that it needs', async () => {
    const folder = await place({
      bases: [{ timeline: 1, segment: 12, endedAt: ago(90 * 86_400) }],
      runs: { '00000001-0001': [11, 12, 13] },
      live: [{ at: ago(91 * 86_400), run: '00000001-0001' }],
      keepSeconds: 60,
      covered: ago(89 * 86_400),
    });
    const { bases, segments } = unneeded(await catalogueOf(folder), 60);
    expect([bases, segments.map(({ number }) => number)]).toEqual([[], [11]]);
  });

  it.each([
    [2 * 86_400, []],
    [5 * 86_400, ['7123456789012345678']],
  ])(
    'is a server before an upgrade, as a whole, once its last moment is: kept for %i s',
    async (keepSeconds, left) => {
      for (const remove of [removeByReceiver, removeByPrune]) {
        const written = {
          bases: [{ timeline: 1, segment: 1, endedAt: ago(9 * 86_400) }],
          runs: { '00000001-0001': [1, 2, 3] },
          live: [{ at: ago(9 * 86_400), run: '00000001-0001' }],
          keepSeconds,
          covered: ago(3 * 86_400),
        };
        const folder = await place(written);
        await putAside(folder, '7123456789012345678', { major: 16, image: 'postgres:16' });
        await writePlace(folder, { ...written, covered: now, system: '7123456789012345679' });
        await remove(folder, written);
        expect(readdirSync(join(folder, 'earlier'))).toEqual(left);
        expect(contentOf(folder)).toContain('wal/00000001-0001/000000010000000000000001');
      }
    },
  );
});
