import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApi, type TestApi } from './api.js';

// Zones with changes at midnight (Havana, Beirut), of half hours (Lord Howe), a day that was left out (Apia), and both ends.
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/Havana',
  'Asia/Beirut',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Pacific/Kiritimati',
  'Etc/GMT+12',
];

/** Days around which clocks are changed, or a year ends. */
const DAYS = [
  '2026-03-29',
  '2026-10-25',
  '2026-03-08',
  '2026-11-01',
  '2026-04-05',
  '2026-10-04',
  '2011-12-30',
  '2026-12-31',
];

let api: TestApi;
let instants: Date[];

beforeAll(async () => {
  api = await startApi();
  await api.as('manager')('POST', '/items', { sku: 'A', name: 'one' });
  await api.as('manager')('POST', '/stock/receive', { lines: [{ item_id: 1, quantity: 1 }] });
  // Every half hour of three days, a moment before and after.
  instants = DAYS.flatMap((day) =>
    Array.from({ length: 6 * 24 * 2 }, (_, half) => {
      const time = Date.parse(`${day}T00:00:00Z`) + (half - 3 * 24) * 1_800_000;
      return new Date(half % 2 === 0 ? time : time - 1);
    }),
  );
  await api.database.client.query(
    `INSERT INTO movements (group_id, item_id, location_id, delta, balance_after, kind, created_at)
     SELECT 1, 1, 1, 1, 1, 'adjust', at FROM unnest($1::timestamptz[]) AS at`,
    [instants],
  );
});
afterAll(() => api.close());

test.each(ZONES)('a movement is of the day on which it happened in %s', async (tz) => {
  const dayOf = new Intl.DateTimeFormat('sv-SE', { timeZone: tz, dateStyle: 'short' });
  const expected = new Map<string, number>();
  for (const instant of instants) {
    const day = dayOf.format(instant);
    expected.set(day, (expected.get(day) ?? 0) + 1);
  }
  for (const year of ['2011', '2026']) {
    const query = `from=${year}-01-01&to=${year}-12-31&tz=${encodeURIComponent(tz)}`;
    const report = (await api.as('viewer')('GET', `/reports/movements-daily?${query}`)).json();
    expect(report.tz).toBe(tz);
    const found = report.days
      .filter(({ kind }: { kind: string }) => kind === 'adjust')
      .map(({ day, movements }: { day: string; movements: number }) => [day, movements]);
    expect(found).toEqual([...expected].filter(([day]) => day.startsWith(year)).sort());
  }
});

test('without one, days are those of the setting, today included', async () => {
  const { to, tz } = (await api.as('viewer')('GET', '/reports/movements-daily')).json();
  expect([to, tz]).toEqual([new Date().toISOString().slice(0, 10), 'UTC']);
  const there = await startApi({ TIME_ZONE: 'Pacific/Kiritimati' });
  try {
    const report = (await there.as('viewer')('GET', '/reports/movements-daily')).json();
    expect(report.tz).toBe('Pacific/Kiritimati');
    const fourteenHoursOn = new Date(Date.now() + 14 * 3_600_000).toISOString().slice(0, 10);
    expect(report.to).toBe(fourteenHoursOn);
  } finally {
    await there.close();
  }
});

test.each(['Europe/Atlantis', 'UTC+3', 'Foo3', '+02:00', '', "UTC'; DROP TABLE items"])(
  '%j is no time zone',
  async (tz) => {
    const query = new URLSearchParams({ tz });
    const refused = await api.as('viewer')('GET', `/reports/movements-daily?${query}`);
    expect(refused.statusCode).toBe(422);
    expect(refused.json().errors[0].pointer).toBe('/query/tz');
  },
);
