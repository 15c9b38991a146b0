import published from './compose-spec/schema.json' with { type: 'json' };
import { invalidProject, joinPath, refuse } from './invalid.js';
import { nearest } from './nearest.js';
import type { TreeList, TreeMap, TreeNode } from './tree.js';

type JsonType = 'string' | 'number' | 'integer' | 'boolean' | 'null' | 'array' | 'object';

/** The keywords of the published schema; `test/unit/project/schema.test.ts` fails if it has others. */
export interface Schema {
  $ref?: string;
  oneOf?: readonly Schema[];
  type?: JsonType | readonly JsonType[];
  enum?: readonly string[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  items?: Schema;
  uniqueItems?: boolean;
  properties?: Record<string, Schema>;
  patternProperties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  required?: readonly string[];
}

const composeSpec = published as Schema & { definitions: Record<string, Schema> };
const REFERENCE = '#/definitions/';

/**
 * Checks the keys and types of a merged compose file against the published schema of the Compose Specification.
 *
 * @throws UserError UNKNOWN_KEY or COMPOSE_INVALID at the first mistake in file order.
 */
export function checkSchema(root: TreeMap): void {
  checkNumbers(root, '');
  check(root, composeSpec, '');
}

/**
 * Refuses numbers that JSON does not have, because Compose checks a file as JSON: they are refused
 * everywhere, also under `x-…`.
 */
function checkNumbers(node: TreeNode, path: string): void {
  if (node.kind === 'map') {
    for (const [key, value] of node.entries) checkNumbers(value, joinPath(path, key));
  } else if (node.kind === 'list') {
    for (const [index, item] of node.items.entries()) checkNumbers(item, `${path}[${index}]`);
  } else if (typeof node.value === 'number' && !Number.isFinite(node.value)) {
    const written = String(node.value).replace('Infinity', '.inf').replace('NaN', '.nan');
    throw invalidProject(
      'COMPOSE_INVALID',
      `${path} is ${written}, a number that Compose cannot take`,
      node.at,
      `quote it where it is a text: "${written}"`,
    );
  }
}

function check(node: TreeNode, schema: Schema, path: string): void {
  const alternatives = alternativesOf(schema);
  const chosen = alternatives.find(
    (one) => one.type === undefined || typesOf(one).some((t) => fits(node, t)),
  );
  if (!chosen) refuse(node, path, alternatives.flatMap(expectedOf));
  if (node.kind === 'map') checkMap(node, chosen, path);
  else if (node.kind === 'list') checkList(node, chosen, path);
  else checkScalar(node, chosen, path);
}

/**
 * Returns the schemas of which one must match. In the published schema no two of them accept the same type.
 */
function alternativesOf(schema: Schema): readonly Schema[] {
  if (schema.$ref !== undefined) {
    return alternativesOf(composeSpec.definitions[schema.$ref.slice(REFERENCE.length)] as Schema);
  }
  return schema.oneOf?.flatMap(alternativesOf) ?? [schema];
}

function typesOf({ type = [] }: Schema): readonly JsonType[] {
  return typeof type === 'string' ? [type] : type;
}

function fits(node: TreeNode, type: JsonType): boolean {
  if (node.kind === 'map') return type === 'object';
  if (node.kind === 'list') return type === 'array';
  const { value } = node;
  switch (type) {
    case 'null':
      return value === null;
    case 'number':
      return typeof value === 'bigint' || typeof value === 'number';
    case 'integer':
      return typeof value === 'bigint' || Number.isInteger(value);
    case 'string':
    case 'boolean':
      return typeof value === type;
    default:
      return false;
  }
}

const NOUNS: Record<JsonType, string[]> = {
  string: ['a string'],
  number: ['a number'],
  integer: ['an integer'],
  boolean: ['a boolean'],
  array: ['a list'],
  object: ['a mapping'],
  null: [],
};

function expectedOf(schema: Schema): string[] {
  if (schema.enum) return [`one of ${schema.enum.join(', ')}`];
  return typesOf(schema).flatMap((type) => NOUNS[type]);
}

function checkScalar(node: TreeNode & { kind: 'scalar' }, schema: Schema, path: string): void {
  const { value } = node;
  if (schema.enum && !schema.enum.includes(value as string)) refuse(node, path, expectedOf(schema));
  if (typeof value === 'string') {
    if (schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(value)) {
      refuse(node, path, [`of the form ${schema.pattern}`]);
    }
    return;
  }
  const { minimum, maximum } = schema;
  if (
    (minimum !== undefined && Number(value) < minimum) ||
    (maximum !== undefined && Number(value) > maximum)
  ) {
    refuse(node, path, [maximum === undefined ? `at least ${minimum}` : `from ${minimum} to ${maximum}`]);
  }
}

function checkList(list: TreeList, { items, uniqueItems }: Schema, path: string): void {
  const seen = new Set<string>();
  for (const [index, item] of list.items.entries()) {
    if (items) check(item, items, `${path}[${index}]`);
    if (!uniqueItems || item.kind !== 'scalar') continue;
    const key = `${typeof item.value} ${item.value}`;
    if (seen.has(key)) refuse(item, path, ['free of doubles']);
    seen.add(key);
  }
}

function checkMap(map: TreeMap, schema: Schema, path: string): void {
  for (const [key, value] of map.entries) {
    const found = schemaOfKey(schema, key);
    if (found === false) throw unknownKey(key, value, path, schema);
    if (found !== true) check(value, found, joinPath(path, key));
  }
  const missing = schema.required?.find((key) => !map.entries.has(key));
  if (missing !== undefined) {
    throw invalidProject('COMPOSE_INVALID', `${path} needs \`${missing}\``, map.at, `add \`${missing}: …\``);
  }
}

/** Returns the schema for the value of a key; a boolean tells whether the key is allowed, with any value. */
function schemaOfKey(schema: Schema, key: string): Schema | boolean {
  const { properties = {}, patternProperties = {}, additionalProperties = true } = schema;
  if (Object.hasOwn(properties, key)) return properties[key] as Schema;
  const pattern = Object.keys(patternProperties).find((one) => new RegExp(one, 'u').test(key));
  return pattern === undefined ? additionalProperties : (patternProperties[pattern] as Schema);
}

function unknownKey(key: string, value: TreeNode, path: string, { properties }: Schema) {
  if (!properties) {
    return invalidProject(
      'COMPOSE_INVALID',
      `${path}: the name \`${key}\` is not allowed`,
      value.at,
      'use letters, digits, `.`, `_` and `-`',
    );
  }
  const meant = nearest(key, Object.keys(properties));
  return invalidProject(
    'UNKNOWN_KEY',
    path ? `${path}: \`${key}\` is not a key of Compose` : `\`${key}\` is not a top-level key of Compose`,
    value.at,
    meant ? `did you mean \`${meant}\`?` : 'remove it, or name it `x-…` if it is your own',
  );
}
