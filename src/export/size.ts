const UNITS: Record<string, number> = {
  '': 1,
  b: 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
  p: 1024 ** 5,
};

/**
 * Returns the bytes of a size in Compose's form: `128mb`, `1g`, `64MiB`, `1.5g`, `1048576`. Undefined for any
 * other text. Source: go-units `RAMInBytes`, which treats every unit as a power of 1024.
 */
export function bytesOf(size: unknown): number | undefined {
  if (typeof size === 'number') return size;
  const [, number, unit = ''] = /^\s*(\d+(?:\.\d*)?)\s*([kmgtp]?)i?b?\s*$/i.exec(String(size)) ?? [];
  const factor = UNITS[unit.toLowerCase()];
  return number === undefined || factor === undefined ? undefined : Math.floor(Number(number) * factor);
}
