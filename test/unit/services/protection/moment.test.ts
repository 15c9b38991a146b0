import { afterEach, describe, expect, it } from 'vitest';
import { parseTarget, parseTransaction, sayMoment } from '../../../../src/services/protection/moment.js';

const zone = process.env.TZ;

function at(text: string): string {
  const target = parseTarget(text, new Date('2026-11-29T14:05:03Z'));
  return target.kind === 'moment' ? target.at.toISOString() : target.kind;
}

describe('the moment to bring back', () => {
  afterEach(() => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  });

  it.each([
    ['2026-11-29 14:05:03', '2026-11-29T13:05:03.000Z'],
    ['2026-11-29T14:05:03.25', '2026-11-29T13:05:03.250Z'],
    ['2026-11-29 14:05', '2026-11-29T13:05:00.000Z'],
    ['2026-11-29', '2026-11-28T23:00:00.000Z'],
    ['2026-11-29 14:05:03Z', '2026-11-29T14:05:03.000Z'],
    ['2026-11-29 14:05:03 +05:30', '2026-11-29T08:35:03.000Z'],
    ['2026-11-29 14:05:03-08', '2026-11-29T22:05:03.000Z'],
    ['5m-ago', '2026-11-29T14:00:03.000Z'],
    ['90s ago', '2026-11-29T14:03:33.000Z'],
    ['2d-ago', '2026-11-27T14:05:03.000Z'],
    ['yesterday 14:05', '2026-11-28T13:05:00.000Z'],
    ['today 9:05:10', '2026-11-29T08:05:10.000Z'],
    ['29 Nov 2026 14:05:03 CET', '2026-11-29T13:05:03.000Z'],
    ['9 Sept 2026 04:05:03 CEST', '2026-09-09T02:05:03.000Z'],
    ['25 Oct 2026 02:30:00 CEST', '2026-10-25T00:30:00.000Z'],
    ['25 Oct 2026 02:30:00 CET', '2026-10-25T01:30:00.000Z'],
    ['29 Nov 2026 14:05:03 UTC', '2026-11-29T14:05:03.000Z'],
    ['29 Nov 2026 14:05', '2026-11-29T13:05:00.000Z'],
    ['latest', 'latest'],
  ])('reads %s in the zone of the machine unless it names one', (text, expected) => {
    process.env.TZ = 'Europe/Berlin';
    expect(at(text)).toBe(expected);
  });

  it.each([
    'yesterday',
    '29.11.2026',
    'yesterday 25:00',
    '31 Nov 2026 14:05:03 CET',
    '29 Nov 2026 14:05:03 EST',
    '29 Foo 2026 14:05:03',
    '2026-02-30 10:00:00',
    '2026-02-30 10:00:00Z',
    '2026-11-29 25:00:00',
    '14:05:03',
    '-5m-ago',
    '',
    "2026-11-29'; DROP TABLE items; --",
  ])('refuses %j', (text) => {
    expect(() => at(text)).toThrow(expect.objectContaining({ code: 'USAGE', exitCode: 2 }));
  });

  it('refuses a time that a change of clocks left out, and says which instant it took of two', () => {
    process.env.TZ = 'Europe/Berlin';
    expect(() => at('2026-03-29 02:30:00')).toThrow(/is not a time that there was/);
    expect(at('2026-10-25 02:30:00')).toBe('2026-10-25T00:30:00.000Z');
    expect(sayMoment(new Date('2026-10-25T00:30:00Z'))).toBe('25 Oct 2026 02:30:00 CEST');
  });

  it.each(['America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe', 'UTC'])(
    'reads what it writes, in %s',
    (name) => {
      process.env.TZ = name;
      for (let hours = 0; hours < 24 * 365; hours += 7) {
        const moment = new Date(Date.UTC(2026, 0, 1, hours, 30, 9));
        expect(at(sayMoment(moment))).toBe(moment.toISOString());
      }
    },
  );

  it('takes digits alone for a transaction', () => {
    expect(parseTransaction('48213')).toEqual({ kind: 'before', transaction: '48213' });
    for (const text of ['0', '-1', '1e3', "1'"]) expect(() => parseTransaction(text)).toThrow();
  });
});
