import { afterEach, describe, expect, test } from 'vitest';
import { startApi, type TestApi } from './api.js';

const SHOP = 'https://shop.example.com';
let api: TestApi | undefined;

afterEach(async () => {
  await api?.close();
  api = undefined;
});

async function start(origins?: string): Promise<TestApi> {
  api = await startApi(origins === undefined ? {} : { CORS_ORIGINS: origins, RATE_LIMIT_PER_MINUTE: '3' });
  return api;
}

const ask = (origin: string, headers: Record<string, string> = {}) =>
  api?.app.inject({ url: '/api/v1/items', headers: { origin, ...headers } });

const preflight = (origin: string, headers = 'authorization,if-match,idempotency-key') =>
  api?.app.inject({
    method: 'OPTIONS',
    url: '/api/v1/items/1',
    headers: {
      origin,
      'access-control-request-method': 'PATCH',
      'access-control-request-headers': headers,
    },
  });

test('without the setting, no page of another origin may use the API', async () => {
  await start();
  expect((await ask(SHOP))?.headers).not.toHaveProperty('access-control-allow-origin');
  expect((await preflight(SHOP))?.statusCode).toBe(404);
});

describe('with it', () => {
  test('pages of the named origins may, and no others', async () => {
    await start(`${SHOP}, http://localhost:5173`);
    const allowed = await preflight(SHOP);
    expect(allowed?.statusCode).toBe(204);
    expect(allowed?.headers).toMatchObject({
      'access-control-allow-origin': SHOP,
      'access-control-allow-methods': expect.stringContaining('PATCH'),
      'access-control-allow-headers': expect.stringMatching(/authorization.*idempotency-key.*if-match/),
    });
    expect(allowed?.headers).not.toHaveProperty('access-control-allow-credentials');
    for (const origin of [
      'https://evil.example.com',
      `${SHOP}.evil.example.com`,
      'null',
      'http://shop.example.com',
    ]) {
      expect((await preflight(origin))?.headers).not.toHaveProperty('access-control-allow-origin');
    }
  });

  test('a page can read refusals, the ETag and what tells it to wait', async () => {
    const { tokens } = await start(SHOP);
    const answers = [];
    for (let times = 0; times < 4; times += 1) {
      answers.push(await ask(SHOP, { authorization: `Bearer ${tokens.viewer}` }));
    }
    answers.push(await ask(SHOP));
    expect(answers.map((answer) => answer?.statusCode)).toEqual([200, 200, 200, 429, 401]);
    for (const answer of answers) {
      expect(answer?.headers['access-control-allow-origin']).toBe(SHOP);
      expect(answer?.headers.vary).toContain('Origin');
      expect(answer?.headers['access-control-expose-headers']).toMatch(/etag.*retry-after/);
    }
  });

  test('* is any', async () => {
    await start('*');
    expect((await ask('https://anywhere.example'))?.headers['access-control-allow-origin']).toBe('*');
  });

  test.each(['shop.example.com', `${SHOP}/`, `${SHOP}/shop`, 'ftp://x', 'https://Shop.example.com'])(
    '%s is no origin',
    async (origins) => {
      await expect(startApi({ CORS_ORIGINS: origins })).rejects.toThrow(/CORS_ORIGINS .*must be origins/);
    },
  );
});
