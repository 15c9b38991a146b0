import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/errors.js';
import { locateProject } from '../../../src/project/locate.js';
import { readProject } from '../../../src/project/read.js';
import { checkSchema, type Schema } from '../../../src/project/schema.js';
import {
  listNode,
  mapNode,
  plain,
  scalarNode,
  type TreeMap,
  type TreeNode,
} from '../../../src/project/tree.js';
import { FORMS } from '../../../src/project/values.js';
import { repository } from '../../support/cli.js';
import { bareShell, withProject } from '../../support/project/project-on-disk.js';

type Published = Schema & { definitions: Record<string, Schema> };
const published: Published = JSON.parse(
  readFileSync(`${repository}src/project/compose-spec/schema.json`, 'utf8'),
);
const at = { file: '/compose.yaml', line: 1 };

const READ = [
  '$ref',
  'oneOf',
  'type',
  'enum',
  'pattern',
  'minimum',
  'maximum',
  'items',
  'uniqueItems',
  'properties',
  'patternProperties',
  'additionalProperties',
  'required',
];
const SAYS_NOTHING = ['$schema', '$id', 'title', 'description', 'default', 'deprecated', 'definitions'];
/** Decide by themselves: a keyword beside one of them would be passed over. */
const ALONE = ['$ref', 'oneOf'];

function target(schema: Schema): Schema {
  return schema.$ref ? target(published.definitions[schema.$ref.split('/')[2] as string] as Schema) : schema;
}

function alternatives(schema: Schema): Schema[] {
  const { oneOf } = target(schema);
  return oneOf ? oneOf.flatMap(alternatives) : [target(schema)];
}

function types({ type = [] }: Schema): string[] {
  return [type].flat().map((name) => (name === 'integer' ? 'number' : name));
}

/** Every schema below one, itself first. */
function* schemasIn(schema: Schema): Generator<Schema> {
  yield schema;
  const { oneOf = [], items, properties, patternProperties, additionalProperties } = schema;
  const below = [...oneOf, items, ...Object.values({ ...properties, ...patternProperties })];
  if (typeof additionalProperties === 'object') below.push(additionalProperties);
  for (const one of below) if (one) yield* schemasIn(one);
}

const everySchema = [published, ...Object.values(published.definitions)].flatMap((one) => [
  ...schemasIn(one),
]);

describe('the published schema', () => {
  it('is made of keywords that checkSchema reads', () => {
    const used = new Set(everySchema.flatMap((schema) => Object.keys(schema)));
    expect([...used].filter((keyword) => ![...READ, ...SAYS_NOTHING].includes(keyword))).toEqual([]);
    const silent = everySchema
      .filter((schema) => ALONE.some((keyword) => keyword in schema))
      .filter((schema) => READ.filter((keyword) => keyword in schema).length > 1);
    expect(silent).toEqual([]);
  });

  it('has no two alternatives for one type', () => {
    for (const schema of everySchema.filter(({ oneOf }) => oneOf)) {
      const offered = alternatives(schema).flatMap(types);
      expect(offered).toEqual([...new Set(offered)]);
      expect(offered).not.toEqual([]);
    }
  });

  it('knows every key whose value has a form', () => {
    for (const keys of FORMS.keys()) {
      let schemas = [published.definitions.service as Schema];
      for (const key of keys.replaceAll('[]', '.[]').split('.')) {
        schemas = schemas
          .flatMap(alternatives)
          .flatMap(({ items, properties }) => (key === '[]' ? items : properties?.[key]) ?? []);
        expect(schemas, keys).not.toEqual([]);
      }
    }
  });
});

const SCALARS = [null, '', 'a', '30s', 'all', 'z', 'always', 1, -1, 200, 1.5, true];
const MAPS = [{}, { a: 'b' }, { a: 1.5 }, { a: null }, { a: ['b'] }, { 'x-a': 1 }, { 'a b': 'c' }, { '': 1 }];
const LISTS = [[], ['a'], ['a', 'a'], [1], [1.5], [true], [null], [[]], [{}], [{ a: 'b' }]];
const VALUES: unknown[] = [...SCALARS, ...MAPS, ...LISTS];

function tree(value: unknown): TreeNode {
  if (Array.isArray(value)) return listNode(at, value.map(tree));
  if (typeof value === 'object' && value !== null) return treeMap(value);
  return scalarNode(at, Number.isInteger(value) ? BigInt(value as number) : (value as string | number));
}

function treeMap(value: object): TreeMap {
  return mapNode(
    at,
    Object.entries(value).map(([key, one]) => [key, tree(one)] as const),
  );
}

/** A value that fits. */
function sample(schema: Schema): unknown {
  const [first] = alternatives(schema) as [Schema];
  if (first.enum) return first.enum[0];
  switch (types(first)[0]) {
    case 'object':
      return needed(first);
    case 'array':
      return [];
    case 'number':
      return 1;
    default:
      return 'always';
  }
}

function needed({ properties = {}, required = [] }: Schema): Record<string, unknown> {
  return Object.fromEntries(required.map((key) => [key, sample(properties[key] as Schema)]));
}

/** Projects that differ in one value: each of {@link VALUES} at each place that the schema speaks of. */
function* projects(schema: Schema, around: (value: unknown) => unknown): Generator<unknown> {
  for (const value of VALUES) yield around(value);
  for (const { enum: choices = [], items, properties = {}, patternProperties = {}, ...one } of alternatives(
    schema,
  )) {
    yield* choices.map(around);
    const rest = needed({ properties, ...one });
    for (const key of Object.keys(rest)) {
      yield around(Object.fromEntries(Object.entries(rest).filter(([other]) => other !== key)));
    }
    if (items) yield* projects(items, (value) => around([value]));
    for (const [key, value] of Object.entries(properties)) {
      yield* projects(value, (inner) => around({ ...rest, [key]: inner }));
    }
    for (const [pattern, value] of Object.entries(patternProperties)) {
      if (pattern !== '^x-') yield* projects(value, (inner) => around({ name: inner }));
    }
  }
}

describe('checkSchema', () => {
  it('accepts and refuses as a JSON Schema validator does', () => {
    const { $schema: _, ...schema } = published as Published & { $schema: string };
    const accepts = new Ajv({ strict: false }).compile(schema);
    const counts = { accepted: 0, refused: 0 };
    for (const project of projects(published, (value) => value)) {
      if (typeof project !== 'object' || project === null || Array.isArray(project)) continue;
      const ours = treeMap(project);
      let refusal: unknown;
      try {
        checkSchema(ours);
      } catch (error) {
        refusal = error;
      }
      if (refusal !== undefined) expect(refusal).toBeInstanceOf(UserError);
      if ((refusal === undefined) !== accepts(plain(ours))) {
        expect.fail(
          `${JSON.stringify(project)}: we say ${refusal ?? 'yes'}, ajv ${JSON.stringify(accepts.errors)}`,
        );
      }
      counts[refusal === undefined ? 'accepted' : 'refused'] += 1;
    }
    expect(counts.accepted).toBeGreaterThan(2000);
    expect(counts.refused).toBeGreaterThan(5000);
  });

  it('takes what newer releases of Compose brought', async () => {
    const files = {
      'compose.yaml': `
services:
  web:
    image: x
    pull_policy: daily
    use_api_socket: true
    models: [llm]
    networks: {back: {interface_name: eth1}}
    volumes: [{type: image, source: y, target: /y, image: {subpath: a}}]
    depends_on: [cloud]
  cloud: {provider: {type: awesome, options: {size: 3}}}
models: {llm: {model: ai/smollm2}}
networks: {back: }
`,
    };
    await withProject(files, async (directory) => {
      const { project, warnings } = await readProject(locateProject(directory, bareShell()), bareShell());
      expect(Object.keys(project.services)).toEqual(['web', 'cloud']);
      expect(project.services.web?.dependsOn).toMatchObject({ cloud: { condition: 'service_started' } });
      expect(warnings).toEqual([]);
    });
  });
});
