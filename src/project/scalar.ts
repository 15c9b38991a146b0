import { timestampText } from './timestamp.js';
import type { ScalarValue } from './tree.js';

// The rules of go-yaml v3, which Compose uses: YAML 1.2 booleans, YAML 1.1 numbers (`010` is octal, `1_000`
// has separators) and timestamps.
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
const MAX_UINT64 = 2n ** 64n - 1n;
const MIN_INT64 = -(2n ** 63n);

/** Returns the value of an unquoted YAML scalar. */
export function plainScalar(text: string): ScalarValue {
  const keyword = KEYWORDS.get(text);
  if (keyword !== undefined) return keyword;
  if (!/^[-+.0-9]/.test(text)) return text;
  if (text.startsWith('.')) return parseFloat64(text) ?? text;
  const timestamp = timestampText(text);
  if (timestamp) return timestamp;
  const digits = text.replaceAll('_', '');
  const integer = parseInteger(digits);
  if (integer !== undefined) return integer;
  return parseFloat64(digits) ?? text;
}

/** go-yaml reads a number that no float64 can hold, such as `1e400`, as text. */
function parseFloat64(text: string): number | undefined {
  const value = FLOAT.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
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

/**
 * Returns a scalar as text as Go's `%v` prints it, as Compose does for a number or a boolean where it needs a
 * string. `1.50` is `1.5`, `1000000.0` is `1e+06`. Null is the empty text.
 */
export function scalarText(value: ScalarValue): string {
  return typeof value === 'number' ? floatText(value) : String(value ?? '');
}

/** Returns Go's `%v` of a float64: the shortest digits, with an exponent below 1e-4 and from 1e6 on. */
function floatText(value: number): string {
  if (Object.is(value, -0)) return '-0';
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const [mantissa, exponentText] = value.toExponential().split('e') as [string, string];
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 6) return String(value);
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}
