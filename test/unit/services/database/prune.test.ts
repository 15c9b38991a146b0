import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StoredBackup } from '../../../../src/backup/backup-folder.js';
import type { Manifest } from '../../../../src/backup/manifest.js';
import { chooseKept, isoWeek } from '../../../../src/services/database/prune.js';

const DAY = 86_400_000;

function backupAt(time: number, level = 1): StoredBackup {
  const manifest = { takenAt: new Date(time).toISOString(), verification: { level } } as Manifest;
  return { file: `/b/${time}`, manifest };
}

function newestFirst(times: number[]): number[] {
  return [...times].sort((a, b) => b - a);
}

describe('chooseKept', () => {
  it('keeps one of each of 7 days, 4 weeks and 6 months, the newest of each', () => {
    const start = Date.UTC(2026, 10, 23, 1);
    const backups = newestFirst(Array.from({ length: 400 * 2 }, (_, half) => start - (half * DAY) / 2)).map(
      (time) => backupAt(time),
    );
    const kept = [...chooseKept(backups, { daily: 7, weekly: 4, monthly: 6 })].map(({ manifest }) =>
      manifest.takenAt.slice(0, 13),
    );
    expect(kept.sort().reverse()).toEqual([
      '2026-11-23T01',
      '2026-11-22T13',
      '2026-11-21T13',
      '2026-11-20T13',
      '2026-11-19T13',
      '2026-11-18T13',
      '2026-11-17T13',
      '2026-11-15T13',
      '2026-11-08T13',
      '2026-10-31T13',
      '2026-09-30T13',
      '2026-08-31T13',
      '2026-07-31T13',
      '2026-06-30T13',
    ]);
  });

  it('never removes the last verified one, nor anything where none is verified', () => {
    const times = fc.array(
      fc.record({ day: fc.integer({ min: 0, max: 2000 }), level: fc.constantFrom(0, 1, 2) }),
    );
    const policies = fc.record({
      daily: fc.integer({ min: 0, max: 3 }),
      weekly: fc.integer({ min: 0, max: 3 }),
      monthly: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(times, policies, (entries, policy) => {
        const backups = entries
          .map(({ day, level }) => backupAt(day * DAY, level))
          .sort((a, b) => b.manifest.takenAt.localeCompare(a.manifest.takenAt));
        const kept = chooseKept(backups, policy);
        const verified = backups.filter(({ manifest }) => manifest.verification.level > 0);
        if (verified.length === 0) expect(kept.size).toBe(backups.length);
        else {
          expect(kept.has(verified[0] as StoredBackup)).toBe(true);
          for (const { manifest } of kept) expect(manifest.verification.level).toBeGreaterThan(0);
          expect(kept.size).toBeLessThanOrEqual(Math.max(1, policy.daily + policy.weekly + policy.monthly));
        }
      }),
    );
  });
});

describe('isoWeek', () => {
  // The examples of ISO 8601.
  it.each([
    ['2005-01-01', '2004-W53'],
    ['2005-12-31', '2005-W52'],
    ['2007-01-01', '2007-W01'],
    ['2008-12-29', '2009-W01'],
    ['2010-01-03', '2009-W53'],
  ])('%s is in %s', (day, week) => {
    expect(isoWeek(new Date(`${day}T23:59:59Z`))).toBe(week);
  });
});
