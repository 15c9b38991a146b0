import fc from 'fast-check';

/** What JSON Schema says here; zod writes no more than this. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly 'x-text'?: string;
  readonly examples?: readonly unknown[];
}

export const HOSTILE_TEXTS = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  "'; DROP TABLE items; --",
  `" OR 1=1 --`,
  '$1',
  '%_\\',
  'x'.repeat(10_000),
  '\ud800',
  '\u202e\u{10ffff}',
  '0000-00-00',
  '9999-12-31T23:59:60Z',
  '-infinity',
  '2026-02-30',
  'NaN',
  '1e400',
  '../../etc/passwd',
  '{"$ne": null}',
] as const;

const HOSTILE_VALUES: readonly unknown[] = [
  ...HOSTILE_TEXTS,
  null,
  true,
  [],
  {},
  [[]],
  0,
  -0,
  -1,
  0.5,
  1e308,
  2 ** 31,
  2 ** 53,
  2 ** 63,
  -(2 ** 63),
];

const hostile = fc.oneof(fc.constantFrom(...HOSTILE_VALUES), fc.jsonValue({ maxDepth: 2 }));
const WORDS = ['A', 'main', 'Thing', 'a b', '1.50', '2026-01-01'] as const;

/** What values are drawn from beside their schema. */
export interface Source {
  readonly components: Readonly<Record<string, Schema>>;
  /** How many of fifteen values, at any depth, are not what their schema describes. */
  readonly hostility: number;
  /** For properties of these names, rather than what their schema describes. */
  readonly named: Readonly<Record<string, fc.Arbitrary<unknown>>>;
}

/** Values that a schema describes, and as many that it does not as the source says. */
export function valuesOf(schema: Schema, source: Source): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 15 - source.hostility, arbitrary: described(schema, source) },
    { weight: source.hostility, arbitrary: hostile },
  );
}

/** The schema itself, or what it refers to. */
export function resolved(schema: Schema, components: Source['components']): Schema {
  if (!schema.$ref) return schema;
  const target = components[schema.$ref.split('/').at(-1) ?? ''];
  if (!target) throw new Error(`${schema.$ref} refers to nothing`);
  return target;
}

function described(reference: Schema, source: Source): fc.Arbitrary<unknown> {
  const schema = resolved(reference, source.components);
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((option) => described(option, source)));
  if (schema.allOf) return described(Object.assign({}, ...schema.allOf), source);
  if ('const' in schema) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case 'integer':
    case 'number':
      return fc.oneof(
        fc.integer({
          min: Math.ceil(Math.max(schema.minimum ?? -5, -5)),
          max: Math.min(schema.maximum ?? 8, 8),
        }),
        ...(schema.type === 'number' ? [fc.constantFrom(0.5, 1.25, 0.3, 0.1 + 0.2)] : []),
        fc.constantFrom(...[schema.minimum, schema.maximum].filter((bound) => bound !== undefined), 1),
      );
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(valuesOf(schema.items ?? {}, source), { minLength: 1, maxLength: 4 });
    case 'object':
      return objectsOf(schema, source);
    case 'string':
      return textsOf(schema);
    default:
      return hostile;
  }
}

function objectsOf({ properties = {}, required = [] }: Schema, source: Source): fc.Arbitrary<unknown> {
  const entries = Object.entries(properties).map(
    ([name, schema]) => [name, source.named[name] ?? valuesOf(schema, source)] as const,
  );
  const record = fc.record(Object.fromEntries(entries), { requiredKeys: [...required] });
  const surplus = fc.tuple(record, fc.constantFrom('__proto__', 'constructor', 'id', 'x'), hostile);
  return fc.oneof(
    { weight: 20, arbitrary: record },
    {
      weight: source.hostility,
      arbitrary: surplus.map(([object, name, value]) => ({ ...object, [name]: value })),
    },
  );
}

function textsOf(schema: Schema): fc.Arbitrary<unknown> {
  const { examples = [], format, pattern = '', minLength = 0, maxLength = 30 } = schema;
  // As far as the API's own bounds go, and a little further.
  const date = fc.date({ noInvalidDate: true, min: new Date('1890-01-01'), max: new Date('3010-01-01') });
  if (format === 'date-time') return date.map((time) => time.toISOString());
  if (format === 'date') return date.map((time) => time.toISOString().slice(0, 10));
  if (format === 'email') return fc.emailAddress();
  const texts = new RegExp(pattern).test('Any text, of one line')
    ? fc.oneof(
        fc.constantFrom(...WORDS.filter((word) => word.length >= minLength), 'Twelve and more'),
        fc.string({ minLength, maxLength: Math.min(maxLength, 30) }),
      )
    : fc.stringMatching(new RegExp(pattern));
  const usual = schema['x-text'] ? texts.map((text) => text.trim() || 'x') : texts;
  return examples.length > 0 ? fc.oneof(fc.constantFrom(...examples), usual) : usual;
}
