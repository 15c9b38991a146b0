import fc from 'fast-check';
import type { InjectOptions } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApi, type TestApi } from '../api.js';
import { HOSTILE_TEXTS, type Schema, valuesOf } from './schema-values.js';

const REQUESTS = Number(process.env.FUZZ_REQUESTS ?? 1500);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);

interface Operation {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly body: { readonly type: string; readonly schema: Schema } | undefined;
}

let api: TestApi;
let operations: Operation[];
let components: Record<string, Schema>;

beforeAll(async () => {
  api = await startApi({ RATE_LIMIT_PER_MINUTE: '100000000', LOGIN_RATE_LIMIT_PER_MINUTE: '1000000' });
  const document = (await api.app.inject('/openapi.json')).json();
  components = document.components.schemas;
  operations = Object.entries(document.paths as Record<string, Record<string, Documented>>).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, { parameters = [], requestBody }]) => {
        const [content] = Object.entries(requestBody?.content ?? {});
        return {
          method: method.toUpperCase() as Operation['method'],
          path,
          parameters,
          body: content && { type: content[0], schema: content[1].schema },
        };
      }),
  );
  const manager = api.as('manager');
  await manager('POST', '/locations', { code: 'attic', name: 'Attic' });
  for (const sku of ['A', 'B', 'C']) await manager('POST', '/items', { sku, name: 'Thing' });
});
afterAll(() => api.close());

interface Documented {
  readonly parameters?: Operation['parameters'];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: Schema }> };
}

/** The users that send the fuzz, one for each role: it must not lock them out. */
const OWN_USERS = 3;

function requestsTo({ method, path, parameters, body }: Operation): fc.Arbitrary<InjectOptions> {
  const named = (place: string) => {
    const values = parameters
      .filter((parameter) => parameter.in === place)
      .map(({ name, schema }) => [name, valuesOf(schema, components).map(asText)] as const);
    return fc
      .record(Object.fromEntries(values), {
        requiredKeys: place === 'path' ? values.map(([name]) => name) : [],
      })
      .map((record) =>
        Object.fromEntries(Object.entries(record).map(([name, value]) => [name, value ?? ''])),
      );
  };
  const payload = body
    ? fc.oneof(
        { weight: 20, arbitrary: valuesOf(body.schema, components).map((value) => JSON.stringify(value)) },
        {
          weight: 1,
          arbitrary: fc.constantFrom('', '{', 'NaN', '{"lines": NaN}', '[1e999]', '\u0000', '"\\ud800"'),
        },
        { weight: body.type === 'text/csv' ? 20 : 1, arbitrary: csv },
      )
    : fc.constant(undefined);
  const types = body
    ? fc.oneof({ weight: 20, arbitrary: fc.constant(body.type) }, fc.constant('text/csv'))
    : fc.constant(undefined);
  return fc
    .record({
      pathValues: named('path'),
      query: named('query'),
      headers: named('header'),
      payload,
      type: types,
      role: fc.constantFrom('admin', 'manager', 'admin', 'manager', 'admin', 'manager', 'viewer', undefined),
    })
    .map(({ pathValues, query, headers, payload, type, role }) => ({
      method,
      url: `${path.replaceAll(/\{(\w+)\}/g, (_, name) => pathSegment(path, pathValues[name] ?? ''))}?${new URLSearchParams(query)}`,
      headers: {
        // What no HTTP parser lets through is no business of the API.
        ...Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name, value.replaceAll(/[^\x20-\x7e]/g, '?')]),
        ),
        ...(role ? { authorization: `Bearer ${tokenOf(role)}` } : {}),
        ...(type ? { 'content-type': type } : {}),
      },
      ...(payload === undefined ? {} : { payload }),
    }));
}

const csv = fc
  .array(
    fc.array(fc.constantFrom('A', 'B', '1', '-1', '1.5', '', '"', '"x""y"', '\u0000', 'é', 'x'.repeat(300)), {
      maxLength: 4,
    }),
    {
      maxLength: 5,
    },
  )
  .map((rows) => ['sku,name,quantity,unit_price', ...rows.map((cells) => cells.join(','))].join('\n'));

function asText(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function pathSegment(path: string, value: string): string {
  const own = path.includes('/users/') && /^\d+$/.test(value) && Number(value) <= OWN_USERS;
  // A lone surrogate cannot be in an address.
  return encodeURIComponent(
    (own ? String(Number(value) + OWN_USERS) : value).replaceAll(/\p{Cs}/gu, '\ufffd'),
  );
}

function tokenOf(role: 'viewer' | 'manager' | 'admin'): string {
  return api.tokens[role] as string;
}

async function send(request: InjectOptions): Promise<number> {
  const answer = await api.app.inject(request);
  expect(answer.statusCode, answer.body).toBeLessThan(500);
  if (answer.statusCode >= 400) {
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.json()).toMatchObject({
      status: answer.statusCode,
      code: expect.stringMatching(/^[a-z_]+$/),
    });
  }
  return answer.statusCode;
}

test(`${REQUESTS} requests to every route are answered without a 5xx, and refusals are problems`, {
  timeout: 300_000,
}, async () => {
  console.log(`FUZZ_SEED=${SEED}`);
  const statuses = new Map<number, number>();
  const reached = new Set<string>();
  const requests = fc
    .constantFrom(...operations)
    .chain((operation) => requestsTo(operation).map((request) => ({ operation, request })));
  await fc.assert(
    fc.asyncProperty(requests, async ({ operation, request }) => {
      const status = await send(request);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status < 300) reached.add(`${operation.method} ${operation.path}`);
    }),
    { numRuns: REQUESTS, seed: SEED, endOnFailure: true },
  );
  console.log(Object.fromEntries(statuses));
  // Fuzz that is refused at the door proves nothing.
  expect(reached.size).toBeGreaterThan(operations.length / 2);
  expect((await api.as('admin')('GET', '/stock/verify')).json()).toMatchObject({ clean: true });
});

test('hostile text in each text field of each body is refused or kept as it is', async () => {
  const bodies = operations.filter(({ body }) => body?.type === 'application/json');
  const { rows: before } = await api.database.client.query(
    `SELECT relname FROM pg_class WHERE relkind = 'r' ORDER BY 1`,
  );
  let sent = 0;
  for (const { method, path, body } of bodies) {
    const example = exampleOf(body?.schema ?? {});
    for (const [field, value] of Object.entries(example)) {
      if (typeof value !== 'string') continue;
      for (const hostile of HOSTILE_TEXTS) {
        sent += 1;
        const status = await send({
          method,
          url: path.replaceAll(/\{\w+\}/g, path.includes('/users/') ? '9' : '1'),
          headers: {
            authorization: `Bearer ${tokenOf('admin')}`,
            'content-type': 'application/json',
            'if-match': '*',
          },
          payload: JSON.stringify({ ...example, [field]: hostile }),
        });
        if (hostile.includes('\u0000') || hostile.length > 1000) {
          expect(status, `${method} ${path} ${field}`).toBeGreaterThanOrEqual(400);
        }
      }
    }
  }
  expect(sent).toBeGreaterThan(HOSTILE_TEXTS.length * 10);
  const { rows: after } = await api.database.client.query(
    `SELECT relname FROM pg_class WHERE relkind = 'r' ORDER BY 1`,
  );
  expect(after).toEqual(before);
});

/** A body with every text field that the schema has. */
function exampleOf(schema: Schema): object {
  const target = schema.$ref ? components[schema.$ref.split('/').at(-1) ?? ''] : schema;
  const [given] = target?.examples ?? [];
  const texts = Object.entries(target?.properties ?? {})
    .filter(([, property]) => [property, ...(property.anyOf ?? [])].some(({ type }) => type === 'string'))
    .map(([name]) => [name, 'text']);
  return { ...Object.fromEntries(texts), ...(given as object | undefined) };
}
