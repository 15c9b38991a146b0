import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build } from '../src/app.js';
import { loadSettings } from '../src/settings/load.js';
import { PASSWORD, startApi, type TestApi } from './api.js';

let api: TestApi;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

describe('problems', () => {
  test('are problem+json with a code and the id of the request', async () => {
    const answer = await api.app.inject({ url: '/nowhere', headers: { 'x-request-id': 'abc-1' } });
    expect(answer.statusCode).toBe(404);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.headers['x-request-id']).toBe('abc-1');
    expect(answer.json()).toEqual({
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      code: 'no_such_route',
      detail: 'There is nothing at this address.',
      request_id: 'abc-1',
      errors: [],
    });
  });

  test.each([
    ['malformed JSON', '{"username": ', 'application/json', 400],
    ['no JSON at all', '', 'application/json', 400],
    ['a prototype', '{"__proto__": {}, "username": "a", "password": "b"}', 'application/json', 400],
    ['another type', '<login/>', 'application/xml', 415],
    ['a list', '[]', 'application/json', 422],
    ['null', 'null', 'application/json', 422],
    ['an unknown field', '{"username": "a", "password": "b", "admin": true}', 'application/json', 422],
    ['a body that is too large', `{"username": "${'x'.repeat(300_000)}"}`, 'application/json', 413],
  ])('answer %s', async (_name, payload, type, status) => {
    const answer = await api.app.inject({
      method: 'POST',
      url: '/api/v1/auth/login',
      headers: { 'content-type': type },
      payload,
    });
    expect(answer.statusCode, answer.body).toBe(status);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.json()).toMatchObject({ status, code: expect.stringMatching(/^[a-z_]+$/) });
  });

  test.each([
    [`/api/v1/items/${'x'.repeat(1000)}`, 414],
    ['/api/v1/items/%ff', 400],
  ])('answer an address that cannot be one: %s', async (url, status) => {
    const answer = await api.app.inject({ url });
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.json()).toMatchObject({ status });
  });

  test('take the place of an id that could not be one', async () => {
    const answer = await api.app.inject({ url: '/nowhere', headers: { 'x-request-id': 'a b\t' } });
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('of ours tell nothing of what went wrong', async () => {
    const own = await startApi();
    try {
      await own.database.client.query('ALTER TABLE items RENAME TO hidden');
      const answer = await own
        .as('viewer')('GET', '/items/1')
        .catch((error: Error) => error);
      expect(String(answer)).toContain('"status":500');
      expect(String(answer)).not.toMatch(/hidden|relation|42P01/);
    } finally {
      await own.close();
    }
  });
});

describe('rate limits', () => {
  test('count each user alone, and routes for machines not at all', async () => {
    const own = await startApi({ RATE_LIMIT_PER_MINUTE: '3' });
    try {
      const statuses = [];
      for (let n = 0; n < 5; n += 1) statuses.push((await own.as('viewer')('GET', '/items')).statusCode);
      expect(statuses).toEqual([200, 200, 200, 429, 429]);
      expect((await own.as('manager')('GET', '/items')).statusCode).toBe(200);
      for (let n = 0; n < 5; n += 1) expect((await own.app.inject('/health')).statusCode).toBe(200);
    } finally {
      await own.close();
    }
  });
});

describe('health', () => {
  test('tells of the process and of the database', async () => {
    const answer = await api.app.inject('/health');
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({
      status: 'ok',
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      environment: 'development',
      uptime_s: expect.any(Number),
      migration: expect.any(Number),
      database: { status: 'ok', latency_ms: expect.any(Number) },
    });
    expect((await api.app.inject('/health/live')).json()).toEqual({ status: 'ok' });
  });

  test('is 503 without a database, while the process lives', async () => {
    const { settings } = loadSettings({
      env: { ...api.database.env, DATABASE_PORT: '1' },
      envFilePath: '/nonexistent/.env',
    });
    const app = await build({ settings, schemaVersion: 1 });
    try {
      const answer = await app.inject('/health');
      expect(answer.statusCode).toBe(503);
      expect(answer.json()).toMatchObject({ status: 'unavailable', database: { status: 'unavailable' } });
      expect((await app.inject('/health/live')).statusCode).toBe(200);
    } finally {
      await app.close();
    }
  });
});

describe('the OpenAPI document', () => {
  type Operations = Record<
    string,
    { summary?: string; security?: unknown[]; responses: Record<string, unknown> }
  >;
  let paths: Record<string, Operations>;
  beforeAll(async () => {
    const answer = await api.app.inject('/openapi.json');
    expect(answer.json().openapi).toBe('3.1.0');
    paths = answer.json().paths;
  });

  test('has a summary and typed errors for every operation', () => {
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, ...operation })),
    );
    expect(operations.length).toBeGreaterThan(10);
    for (const { name, summary, responses, security } of operations) {
      expect(summary, name).toMatch(/^[A-Z]/);
      const isPublic = !name.includes('/api/v1') || /login|refresh/.test(name);
      expect(security?.length, name).toBe(isPublic ? 0 : 1);
      if (!isPublic)
        expect(Object.keys(responses), name).toEqual(expect.arrayContaining(['401', '403', '429', '503']));
    }
  });

  test('has no reference to nothing', async () => {
    const document = (await api.app.inject('/openapi.json')).json();
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
    expect(references.length).toBeGreaterThan(20);
    for (const [, name] of references) expect(Object.keys(document.components.schemas)).toContain(name);
  });

  test('is shown by a page whose parts all come from here', async () => {
    const page = await api.app.inject('/docs/');
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-security-policy']).toContain("script-src 'self'");
    const parts = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, part]) => part ?? '');
    expect(parts.length).toBeGreaterThan(3);
    for (const part of parts) {
      expect(part).not.toMatch(/^https?:|^\/\//);
      expect((await api.app.inject(new URL(part, 'http://localhost/docs/').pathname)).statusCode, part).toBe(
        200,
      );
    }
    // The policy allows no script inside the page.
    expect(page.body).not.toMatch(/<script(?![^>]*\bsrc=)[^>]*>/);
  });
});

test('security headers are on every answer', async () => {
  for (const url of ['/health', '/nowhere', '/api/v1/items']) {
    const { headers } = await api.app.inject(url);
    expect(headers['content-security-policy']).toBe("default-src 'none';frame-ancestors 'none'");
    expect(headers['x-content-type-options']).toBe('nosniff');
  }
});

test('the log has a line for each request, with its id, and no secret', async () => {
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const { settings } = loadSettings({ env: api.database.env, envFilePath: '/nonexistent/.env' });
  const logger = pino({ level: 'trace' }, destination);
  const app = await build({ settings, schemaVersion: 1, logger });
  const secrets = [PASSWORD, settings.jwtKey, settings.databasePassword, 'wrong-secret', 'search-term'];
  try {
    const login = { username: 'viewer', password: PASSWORD };
    const answer = await app.inject({ method: 'POST', url: '/api/v1/auth/login', payload: login });
    const { access_token, refresh_token } = answer.json();
    secrets.push(access_token, refresh_token);
    const authorization = `Bearer ${access_token}`;
    await app.inject({
      method: 'POST',
      url: '/api/v1/auth/login',
      payload: { ...login, password: 'wrong-secret' },
    });
    await app.inject({ method: 'POST', url: '/api/v1/auth/refresh', payload: { refresh_token } });
    await app.inject({ method: 'POST', url: '/api/v1/auth/refresh', payload: { refresh_token } });
    const listed = await app.inject({ url: '/api/v1/items?search=search-term', headers: { authorization } });
    await app.inject({
      method: 'POST',
      url: '/api/v1/items',
      headers: { authorization },
      payload: '{"broken',
    });
    const logged = lines.map((line) => JSON.parse(line));
    expect(logged).toContainEqual(
      expect.objectContaining({
        level: 30,
        time: expect.any(Number),
        reqId: listed.headers['x-request-id'],
        msg: 'request completed',
        method: 'GET',
        path: '/api/v1/items',
        status: 200,
      }),
    );
    for (const secret of secrets) expect(lines.join('')).not.toContain(secret);
  } finally {
    await app.close();
  }
});
