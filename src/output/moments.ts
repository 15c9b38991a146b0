import { formatDuration } from './units.js';

const MINUTE = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});

/** In milliseconds. A more recent end is printed as an age. */
const RECENT_MS = 3_600_000;

/**
 * Returns a span of time in words, such as `from 22 Nov 10:00 until 3.0 s ago`, in this machine's time zone.
 */
export function sayWindow({ from, until }: { from: Date; until: Date }, now: Date): string {
  const ago = now.getTime() - until.getTime();
  const end = ago < RECENT_MS ? `${formatDuration(Math.max(ago, 0))} ago` : minute(until);
  return `from ${minute(from)} until ${end}`;
}

function minute(moment: Date): string {
  return MINUTE.format(moment).replace(',', '');
}
