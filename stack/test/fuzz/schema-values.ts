import fc from 'fast-check';

/** What JSON Schema says here; zod writes no more than this. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly format?: string;
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
const text = fc.oneof(
  fc.constantFrom('A', 'main', 'Thing', 'a b', '1.50', '2026-01-01'),
  fc.string({ maxLength: 30 }),
);

/** Values that a schema describes, and now and then, at any depth, one that it does not. */
export function valuesOf(
  schema: Schema,
  components: Readonly<Record<string, Schema>>,
): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 14, arbitrary: described(schema, components) },
    { weight: 1, arbitrary: hostile },
  );
}

function described(schema: Schema, components: Readonly<Record<string, Schema>>): fc.Arbitrary<unknown> {
  if (schema.$ref) {
    const target = components[schema.$ref.split('/').at(-1) ?? ''];
    if (!target) throw new Error(`${schema.$ref} refers to nothing`);
    return described(target, components);
  }
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((option) => described(option, components)));
  if ('const' in schema) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case 'integer':
    case 'number':
      return fc.oneof(
        fc.integer({ min: Math.max(schema.minimum ?? -5, -5), max: Math.min(schema.maximum ?? 8, 8) }),
        fc.constantFrom(...[schema.minimum, schema.maximum].filter((bound) => bound !== undefined), 1),
      );
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(valuesOf(schema.items ?? {}, components), { minLength: 1, maxLength: 4 });
    case 'object':
      return objectsOf(schema, components);
    case 'string':
      return textsOf(schema);
    default:
      return hostile;
  }
}

function objectsOf(
  { properties = {}, required = [] }: Schema,
  components: Readonly<Record<string, Schema>>,
): fc.Arbitrary<unknown> {
  const entries = Object.entries(properties).map(
    ([name, schema]) => [name, valuesOf(schema, components)] as const,
  );
  const record = fc.record(Object.fromEntries(entries), { requiredKeys: [...required] });
  const surplus = fc.tuple(record, fc.constantFrom('__proto__', 'constructor', 'id', 'x'), hostile);
  return fc.oneof(
    { weight: 20, arbitrary: record },
    { weight: 1, arbitrary: surplus.map(([object, name, value]) => ({ ...object, [name]: value })) },
  );
}

function textsOf({ examples = [], format }: Schema): fc.Arbitrary<unknown> {
  if (format === 'date-time') return fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
  if (format === 'date')
    return fc.date({ noInvalidDate: true }).map((date) => date.toISOString().slice(0, 10));
  return examples.length > 0 ? fc.oneof(fc.constantFrom(...examples), text) : text;
}
