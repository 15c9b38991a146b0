import { UserError } from '../../errors.js';

/** What a person wants to restore. */
export type Target =
  | { kind: 'latest' }
  | { kind: 'moment'; at: Date }
  /** The state before this transaction was committed. */
  | { kind: 'before'; transaction: string };

const UNIT_SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };
const WRITTEN =
  /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6}))?)?)?\s*(Z|UTC|[+-]\d{2}(?::?\d{2})?)?$/i;

const DAY = /^(today|yesterday) (\d{1,2}:\d{2}(?::\d{2})?)$/i;
/** As {@link sayMoment} writes it. */
const SAID = /^(\d{1,2}) ([a-z]{3})t? (\d{4}) (\d{2}:\d{2})(:\d{2})?(?: (\S+))?$/i;
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const HOUR_MS = 3_600_000;

/**
 * `2026-11-29 14:05:03` in the machine's time zone, the same with a zone (`Z`, `+01:00`), `yesterday 14:05`,
 * `29 Nov 2026 14:05:03 CET` as {@link sayMoment} writes it, `5m-ago` or `latest`.
 * @throws UserError USAGE (exit 2) for any other text, and for a time that a change of clocks skipped.
 */
export function parseTarget(text: string, now = new Date()): Target {
  const trimmed = text.trim();
  if (trimmed === 'latest') return { kind: 'latest' };
  const [, amount, unit = ''] = /^(\d{1,6})\s*([smhd])[- ]ago$/.exec(trimmed) ?? [];
  if (amount !== undefined) {
    return {
      kind: 'moment',
      at: new Date(now.getTime() - Number(amount) * (UNIT_SECONDS[unit] as number) * 1000),
    };
  }
  const at = saidInstant(trimmed) ?? writtenInstant(onDay(trimmed, now) ?? trimmed);
  if (!at) throw unreadableTime(text, now);
  return { kind: 'moment', at };
}

function writtenInstant(text: string): Date | undefined {
  const parts = WRITTEN.exec(text);
  const at = parts && instantOf(parts);
  return at && !Number.isNaN(at.getTime()) ? at : undefined;
}

/** The names of zones are not the same all over the world: one is taken as this machine writes it. */
function saidInstant(text: string): Date | undefined {
  const [, day = '', month = '', year, minute, second = ':00', zone] = SAID.exec(text) ?? [];
  const number = MONTHS.indexOf(month.toLowerCase()) + 1;
  if (number === 0) return undefined;
  const written = `${year}-${twoDigits(number)}-${day.padStart(2, '0')} ${minute}${second}`;
  const local = writtenInstant(written);
  if (zone === undefined || !local) return local;
  const said = ` ${minute}${second} ${zone}`;
  return (
    [0, 1, -1]
      .map((hours) => new Date(local.getTime() + hours * HOUR_MS))
      .find((at) => sayMoment(at).endsWith(said)) ?? writtenInstant(`${written} ${zone}`)
  );
}

/** `yesterday 14:05` as a date and a time. */
function onDay(text: string, now: Date): string | undefined {
  const [, day, time] = DAY.exec(text) ?? [];
  if (day === undefined || time === undefined) return undefined;
  const back = day.toLowerCase() === 'today' ? 0 : 1;
  const at = new Date(now.getFullYear(), now.getMonth(), now.getDate() - back);
  return `${sayDay(at)} ${time.replace(/^\d:/, '0$&')}`;
}

function sayDay(at: Date): string {
  return `${at.getFullYear()}-${twoDigits(at.getMonth() + 1)}-${twoDigits(at.getDate())}`;
}

function twoDigits(number: number): string {
  return String(number).padStart(2, '0');
}

/** @param text a transaction's number, as `pg_current_xact_id()` gives it within one, and `xmin` of a row that it wrote. */
export function parseTransaction(text: string): Target {
  if (!/^[1-9]\d{0,9}$/.test(text)) {
    throw usage(
      `--to-before "${text}" is not a transaction number`,
      '--to-before 48213      (its number, as the log of the server or `xmin` of a row has it)',
    );
  }
  return { kind: 'before', transaction: text };
}

/** In the machine's time zone, which it names: `29 Nov 2026 14:05:03 CET`. */
export function sayMoment(at: Date, locale = 'en-GB'): string {
  return new Intl.DateTimeFormat(locale, {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'short',
  })
    .format(at)
    .replace(',', '');
}

function instantOf([
  ,
  year,
  month,
  day,
  hour = '00',
  minute = '00',
  second = '00',
  fraction = '0',
  zone,
]: RegExpExecArray): Date {
  const milliseconds = fraction.padEnd(3, '0').slice(0, 3);
  const written = `${year}-${month}-${day}T${hour}:${minute}:${second}.${milliseconds}`;
  if (zone !== undefined) {
    const offset = /^(Z|UTC)$/i.test(zone)
      ? 'Z'
      : zone.replace(/^(...):?(\d{2})?$/, (_, h, m = '00') => `${h}:${m}`);
    const at = new Date(`${written}${offset}`);
    // Date reads 30 February as a day of March.
    const plain = new Date(`${written}Z`);
    return sameDay(plain, `${year}-${month}-${day}`) ? at : new Date(Number.NaN);
  }
  const at = new Date(written);
  const back = [at.getFullYear(), at.getMonth() + 1, at.getDate(), at.getHours(), at.getMinutes()];
  const wanted = [year, month, day, hour, minute].map(Number);
  return back.every((part, index) => part === wanted[index]) ? at : new Date(Number.NaN);
}

function sameDay(at: Date, day: string): boolean {
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day);
}

function unreadableTime(text: string, now: Date): UserError {
  return usage(
    `--to "${text}" is not a time${WRITTEN.test(text.trim()) ? ' that there was' : ''}`,
    `--to "${sayDay(now)} 14:05:03", --to "yesterday 14:05", --to 5m-ago or --to latest`,
  );
}

function usage(message: string, hint: string): UserError {
  return new UserError({ code: 'USAGE', message, hint, exitCode: 2 });
}
