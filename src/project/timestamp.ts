const TIMESTAMP = new RegExp(
  [
    /^(?<year>\d{4})-(?<month>\d{1,2})-(?<day>\d{1,2})/,
    /(?:(?:[Tt]| +)(?<hour>\d{1,2}):(?<minute>\d{1,2}):(?<second>\d{1,2})(?<fraction>[.,]\d+)?)?/,
    /(?<zone>Z|[-+]\d\d:\d\d)?$/,
  ]
    .map(({ source }) => source)
    .join(''),
);

/**
 * Returns Go's `time.Time.String()` of an unquoted date, as Compose does. Undefined if go-yaml v3 does not
 * read the text as a date. Its layouts are `2006-1-2`, `2006-1-2 15:4:5.9` and `2006-1-2T15:4:5.9Z07:00`.
 * Go's `time.Parse` accepts a comma instead of the point and several spaces instead of one, and drops digits
 * after the ninth.
 */
export function timestampText(text: string): string | undefined {
  const parts = TIMESTAMP.exec(text)?.groups;
  if (!parts) return undefined;
  // A zone belongs to the layout with a T, which requires one.
  if (/[Tt]/.test(text) !== (parts.zone !== undefined)) return undefined;
  const number = (part: string) => Number(parts[part] ?? 0);
  const date = new Date(0);
  date.setUTCFullYear(number('year'), number('month') - 1, number('day'));
  date.setUTCHours(number('hour'), number('minute'), number('second'));
  const isReal =
    date.getUTCMonth() === number('month') - 1 &&
    date.getUTCDate() === number('day') &&
    date.getUTCHours() === number('hour') &&
    number('minute') <= 59 &&
    number('second') <= 59;
  const zone = zoneText(parts.zone);
  if (!isReal || zone === undefined) return undefined;
  const fraction = (parts.fraction ?? '')
    .replace(',', '.')
    .slice(0, 10)
    .replace(/\.?0+$/, '');
  return `${date.toISOString().slice(0, 19).replace('T', ' ')}${fraction} ${zone}`;
}

/** `time.Parse` accepts 60 as the minutes and makes an hour of them. */
function zoneText(zone: string | undefined): string | undefined {
  if (zone === undefined || zone === 'Z') return '+0000 UTC';
  const [hours, minutes] = zone.slice(1).split(':').map(Number) as [number, number];
  if (hours > 24 || minutes > 60) return undefined;
  const total = hours * 60 + minutes;
  if (total === 0) return '+0000 UTC';
  const two = (part: number) => String(part).padStart(2, '0');
  const offset = `${zone[0]}${two(Math.floor(total / 60))}${two(total % 60)}`;
  return `${offset} ${offset}`;
}
