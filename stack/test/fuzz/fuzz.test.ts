import fc from 'fast-check';
import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApi, type TestApi } from '../api.js';
import { type FuzzSession, Inventory, OWN_USERS } from './inventory.js';
import { HOSTILE_TEXTS, resolved, type Schema, type Source, valuesOf } from './schema-values.js';

const REQUESTS = Number(process.env.FUZZ_REQUESTS ?? 1500);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);
/** Of the operations, how many succeed at least once. */
const LEAST_REACHED = 0.85;

interface Operation {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly body: { readonly type: string; readonly schema: Schema } | undefined;
}

let api: TestApi;
let inventory: Inventory;
let operations: Operation[];
let components: Record<string, Schema>;

beforeAll(async () => {
  api = await startApi({
    RATE_LIMIT_PER_MINUTE: '100000000',
    LOGIN_RATE_LIMIT_PER_MINUTE: '1000000',
    WEBHOOKS: 'off',
  });
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
  inventory = await Inventory.fill(api);
});
afterAll(() => api.close());

interface Documented {
  readonly parameters?: Operation['parameters'];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: Schema }> };
}

type Texts = Readonly<Record<string, string>>;

/** A request as it is drawn, before it meets what is in the database. */
interface Draft {
  /** Whether it is about things that are there, in their current version, by somebody who may. */
  readonly fitted: boolean;
  /** Of the things that are there, which. */
  readonly pick: number;
  readonly path: Texts;
  readonly query: Texts;
  readonly headers: Texts;
  readonly body: string | undefined;
  readonly type: string | undefined;
  readonly role: 'admin' | 'manager' | 'viewer' | undefined;
}

/** Half are right as far as a schema can tell, a quarter has flaws at any depth, and a quarter fits nothing. */
function draftsOf(operation: Operation): fc.Arbitrary<Draft> {
  return fc.oneof(
    { weight: 2, arbitrary: drafts(operation, { fitted: true, hostility: 0 }) },
    { weight: 1, arbitrary: drafts(operation, { fitted: true, hostility: 1 }) },
    { weight: 1, arbitrary: drafts(operation, { fitted: false, hostility: 1 }) },
  );
}

function drafts(
  { parameters, body }: Operation,
  { fitted, hostility }: { readonly fitted: boolean; readonly hostility: number },
): fc.Arbitrary<Draft> {
  const source: Source = { components, hostility, named: fitted ? inventory.references : {} };
  const named = (place: string) => {
    const values = parameters
      .filter((parameter) => parameter.in === place)
      .map(
        ({ name, schema }) => [name, (source.named[name] ?? valuesOf(schema, source)).map(asText)] as const,
      );
    return fc
      .record(Object.fromEntries(values), {
        requiredKeys: place === 'path' ? values.map(([name]) => name) : [],
      })
      .map((record) =>
        Object.fromEntries(Object.entries(record).map(([name, value]) => [name, value ?? ''])),
      );
  };
  const values =
    body?.type === 'text/csv'
      ? fitted
        ? inventory.files
        : csv
      : body && valuesOf(body.schema, source).map((value) => JSON.stringify(value));
  const broken = fc.constantFrom('', '{', 'NaN', '{"lines": NaN}', '[1e999]', '\u0000', '"\\ud800"');
  return fc.record({
    fitted: fc.constant(fitted),
    pick: fc.nat(),
    path: named('path'),
    query: named('query'),
    headers: named('header'),
    body: values
      ? fc.oneof({ weight: 20, arbitrary: values }, { weight: hostility, arbitrary: fc.oneof(broken, csv) })
      : fc.constant(undefined),
    type: body
      ? fc.oneof(
          { weight: 20, arbitrary: fc.constant(body.type) },
          { weight: hostility, arbitrary: fc.constant('text/csv') },
        )
      : fc.constant(undefined),
    role: fitted
      ? fc.constant('admin' as const)
      : fc.constantFrom('admin' as const, 'manager' as const, 'viewer' as const, undefined),
  });
}

/** The request itself. */
async function requestOf({ method, path, body: described }: Operation, draft: Draft): Promise<InjectOptions> {
  let { path: pathValues, query, headers, body, role } = draft;
  let token = role && tokenOf(role);
  if (draft.fitted) {
    pathValues = await inventory.existing(path, pathValues, draft.pick);
    query = inventory.continued(path, query);
    if (path.startsWith('/api/v1/auth/') && described) {
      const session = await inventory.session();
      token = session.access_token;
      body = fittedTo(session, described.schema, body ?? '');
    }
  }
  const address = path.replaceAll(/\{(\w+)\}/g, (_, name) => pathSegment(path, pathValues[name] ?? ''));
  if (draft.fitted && 'if-match' in headers) {
    headers = { ...headers, 'if-match': await inventory.etag(address) };
  }
  return {
    method,
    url: `${address}?${new URLSearchParams(query)}`,
    headers: {
      // What no HTTP parser lets through is no business of the API.
      ...Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name, value.replaceAll(/[^\x20-\x7e]/g, '?')]),
      ),
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(draft.type ? { 'content-type': draft.type } : {}),
    },
    ...(body === undefined ? {} : { payload: body }),
  };
}

/** The body with the session's own name, password and tokens, wherever its schema has them. */
function fittedTo(session: FuzzSession, schema: Schema, body: string): string {
  const { properties = {} } = resolved(schema, components);
  const own = Object.entries(session).filter(([name]) => name in properties);
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return body;
    return JSON.stringify({ ...parsed, ...Object.fromEntries(own) });
  } catch {
    return body;
  }
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

async function send(request: InjectOptions): Promise<LightMyRequestResponse> {
  const answer = await api.app.inject(request);
  expect(answer.statusCode, `${JSON.stringify(request)}\n${answer.body}`).toBeLessThan(500);
  if (answer.statusCode >= 400) {
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.json()).toMatchObject({
      status: answer.statusCode,
      code: expect.stringMatching(/^[a-z_]+$/),
    });
  }
  return answer;
}

test(`${REQUESTS} requests to every route are answered without a 5xx, and refusals are problems`, {
  timeout: 300_000,
}, async () => {
  console.log(`FUZZ_SEED=${SEED}`);
  const statuses = new Map<number, number>();
  const reached = new Set<Operation>();
  const rounds = Math.ceil(REQUESTS / operations.length);
  // Each operation in its turn, so that each gets its share, and finds what the others have left.
  const drawn = operations.map((operation, index) =>
    fc.sample(draftsOf(operation), { numRuns: rounds, seed: SEED + index }),
  );
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, operation] of operations.entries()) {
      const draft = drawn[index]?.[round] as Draft;
      const { statusCode, body } = await send(await requestOf(operation, draft));
      statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
      if (statusCode >= 300) continue;
      reached.add(operation);
      inventory.note(operation.path, draft.query, body);
    }
  }
  console.log(Object.fromEntries(statuses));
  const missed = operations.filter((operation) => !reached.has(operation));
  for (const { method, path } of missed) console.log(`never reached: ${method} ${path}`);
  // Fuzz that is refused at the door proves nothing.
  expect(reached.size).toBeGreaterThan(operations.length * LEAST_REACHED);
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
        const { statusCode: status } = await send({
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
  const target = resolved(schema, components);
  const [given] = target.examples ?? [];
  const texts = Object.entries(target.properties ?? {})
    .filter(([, property]) => [property, ...(property.anyOf ?? [])].some(({ type }) => type === 'string'))
    .map(([name]) => [name, 'text']);
  return { ...Object.fromEntries(texts), ...(given as object | undefined) };
}
