import type { ScalarValue } from './tree.js';

// The rules are those of go-yaml v3, which Compose reads its files with: YAML 1.2 booleans, YAML 1.1 numbers
// (`010` is octal, `1_000` has separators) and timestamps.
const KEYWORDS = new Map<string, ScalarValue>([
  ['', null],
  ['~', null],
  ['null', null],
  ['Null', null],
  ['NULL', null],
  ['true', true],
  ['True', true],
  ['TRUE', true],
  ['false', false],
  ['False', false],
  ['FALSE', false],
  ['.nan', Number.NaN],
  ['.NaN', Number.NaN],
  ['.NAN', Number.NaN],
  ['.inf', Number.POSITIVE_INFINITY],
  ['.Inf', Number.POSITIVE_INFINITY],
  ['.INF', Number.POSITIVE_INFINITY],
  ['+.inf', Number.POSITIVE_INFINITY],
  ['+.Inf', Number.POSITIVE_INFINITY],
  ['+.INF', Number.POSITIVE_INFINITY],
  ['-.inf', Number.NEGATIVE_INFINITY],
  ['-.Inf', Number.NEGATIVE_INFINITY],
  ['-.INF', Number.NEGATIVE_INFINITY],
]);
const INTEGER = /^([-+]?)(0[bB][01]+|0[oO][0-7]+|0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/;
const FLOAT = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;
const TIMESTAMP =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:(?:[Tt](\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d{1,9})?(Z|[-+]\d\d:\d\d))|(?: (\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d{1,9})?))?$/;
const MAX_UINT64 = 2n ** 64n - 1n;
const MIN_INT64 = -(2n ** 63n);

/** What an unquoted YAML scalar means. */
export function plainScalar(text: string): ScalarValue {
  const keyword = KEYWORDS.get(text);
  if (keyword !== undefined) return keyword;
  if (!/^[-+.0-9]/.test(text)) return text;
  if (text.startsWith('.')) return FLOAT.test(text) ? Number(text) : text;
  const timestamp = timestampText(text);
  if (timestamp) return timestamp;
  const digits = text.replaceAll('_', '');
  const integer = parseInteger(digits);
  if (integer !== undefined) return integer;
  return FLOAT.test(digits) ? Number(digits) : text;
}

function parseInteger(text: string): bigint | undefined {
  const match = INTEGER.exec(text);
  if (!match) return undefined;
  const [, sign, digits] = match as unknown as [string, string, string];
  const magnitude = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  const value = sign === '-' ? -magnitude : magnitude;
  // Beyond 64 bits, and with a plus sign beyond 63, go-yaml falls back to a float.
  if (value < MIN_INT64 || value > (sign === '+' ? 2n ** 63n - 1n : MAX_UINT64)) return undefined;
  return value;
}

/** Go's `time.Time.String()`: that is what Compose makes of an unquoted date. */
function timestampText(text: string): string | undefined {
  const match = TIMESTAMP.exec(text);
  if (!match) return undefined;
  const [year, month, day] = [match[1], match[2], match[3]].map(Number) as [number, number, number];
  const [hour, minute, second] = [match[4] ?? match[9], match[5] ?? match[10], match[6] ?? match[11]].map(
    (part) => Number(part ?? 0),
  ) as [number, number, number];
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  if (date.getUTCDate() !== day || date.getUTCMonth() !== month - 1 || date.getUTCHours() !== hour) {
    return undefined;
  }
  if (minute > 59 || second > 59) return undefined;
  const fraction = (match[7] ?? match[12] ?? '').replace(/\.?0+$/, '');
  const zone = match[8] && match[8] !== 'Z' ? match[8].replace(':', '') : '';
  const zoneText = zone && zone !== '+0000' ? `${zone} ${zone}` : '+0000 UTC';
  return `${date.toISOString().slice(0, 19).replace('T', ' ')}${fraction} ${zoneText}`;
}

/**
 * A scalar as text, the way Go's `%v` prints it: what Compose makes of a number or a boolean where it wants a
 * string. `1.50` is `1.5`, `1000000.0` is `1e+06`. Null is the empty text.
 */
export function scalarText(value: ScalarValue): string {
  return typeof value === 'number' ? floatText(value) : String(value ?? '');
}

/** Go's `%v` of a float64: the shortest digits, with an exponent below 1e-4 and from 1e6 on. */
function floatText(value: number): string {
  if (Object.is(value, -0)) return '-0';
  const [mantissa, exponentText] = value.toExponential().split('e') as [string, string];
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 6) return String(value);
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}
