import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ask, startApi, type TestApi } from './api.js';

let api: TestApi;
let manager: Ask;

beforeAll(async () => {
  api = await startApi();
  manager = api.as('manager');
});
afterAll(() => api.close());

describe.each([
  { name: 'categories', first: { name: 'Tea' }, second: { name: 'Coffee' }, pointer: '/body/name' },
  {
    name: 'suppliers',
    first: { name: 'Acme', email: 'a@example.com', phone: null },
    second: { name: 'Best', email: null, phone: '+44 20 7946 0000' },
    pointer: '/body/name',
  },
  {
    name: 'locations',
    first: { code: 'attic', name: 'Attic' },
    second: { code: 'cellar', name: 'Cellar' },
    pointer: '/body/code',
  },
])('$name', ({ name, first, second, pointer }) => {
  test('are added, read, listed, changed and removed', async () => {
    const added = await manager('POST', `/${name}`, first);
    expect(added.statusCode, added.body).toBe(201);
    const { id } = added.json();
    expect(added.headers.location).toBe(`/api/v1/${name}/${id}`);
    const read = await api.as('viewer')('GET', `/${name}/${id}`);
    expect(read.json()).toMatchObject({ id, ...first, version: 1 });
    const fresh = await api.as('viewer')('GET', `/${name}/${id}`, undefined, { 'if-none-match': '"1"' });
    expect(fresh.statusCode).toBe(304);
    const listed = (await api.as('viewer')('GET', `/${name}`)).json().data;
    expect(listed).toContainEqual(read.json());

    expect((await manager('POST', `/${name}`, first)).json()).toMatchObject({
      status: 409,
      errors: [{ pointer }],
    });
    expect((await manager('PATCH', `/${name}/${id}`, second)).statusCode).toBe(428);
    expect((await manager('PATCH', `/${name}/${id}`, second, { 'if-match': '"9"' })).statusCode).toBe(412);
    const changed = await manager('PATCH', `/${name}/${id}`, second, { 'if-match': '"1"' });
    expect(changed.json()).toMatchObject({ ...second, version: 2 });

    expect((await manager('DELETE', `/${name}/${id}`)).statusCode).toBe(428);
    expect((await manager('DELETE', `/${name}/${id}`, undefined, { 'if-match': '"1"' })).statusCode).toBe(
      412,
    );
    expect((await manager('DELETE', `/${name}/${id}`, undefined, { 'if-match': '"2"' })).statusCode).toBe(
      204,
    );
    expect((await manager('GET', `/${name}/${id}`)).statusCode).toBe(404);
    expect((await manager('DELETE', `/${name}/${id}`, undefined, { 'if-match': '*' })).statusCode).toBe(404);
  });

  test('are paged', async () => {
    const field = pointer.slice('/body/'.length);
    for (const value of ['p1', 'p2', 'p3']) {
      const added = await manager('POST', `/${name}`, { ...first, [field]: value });
      expect(added.statusCode, added.body).toBe(201);
    }
    const values: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const answer = await manager('GET', `/${name}?limit=2${cursor && `&cursor=${cursor}`}`);
      const { data, next_cursor }: { data: Record<string, string>[]; next_cursor: string | null } =
        answer.json();
      values.push(...data.map((entry) => entry[field] ?? ''));
      cursor = next_cursor;
    }
    expect(values.filter((value) => value.startsWith('p'))).toEqual(['p1', 'p2', 'p3']);
    expect(values).toEqual([...new Set(values)].sort());
  });

  test('are not for viewers to change', async () => {
    expect((await api.as('viewer')('POST', `/${name}`, first)).statusCode).toBe(403);
  });
});

test('a category or a supplier with items stays', async () => {
  const category = (await manager('POST', '/categories', { name: 'Used' })).json().id;
  const supplier = (await manager('POST', '/suppliers', { name: 'Used' })).json().id;
  await manager('POST', '/items', { sku: 'U', name: 'u', category_id: category, supplier_id: supplier });
  for (const path of [`/categories/${category}`, `/suppliers/${supplier}`]) {
    expect((await manager('DELETE', path, undefined, { 'if-match': '*' })).json()).toMatchObject({
      status: 409,
      code: 'in_use',
    });
  }
  const listed = await manager('GET', `/items?category_id=${category}&supplier_id=${supplier}`);
  expect(listed.json().data).toHaveLength(1);
});

test('a location that held stock stays, and so does the default one', async () => {
  const location = (await manager('POST', '/locations', { code: 'held', name: 'Held' })).json().id;
  const item = (await manager('POST', '/items', { sku: 'H', name: 'h' })).json().id;
  await manager('POST', '/stock/receive', { lines: [{ item_id: item, location_id: location, quantity: 1 }] });
  for (const id of [location, 1]) {
    const answer = await manager('DELETE', `/locations/${id}`, undefined, { 'if-match': '*' });
    expect(answer.json()).toMatchObject({ status: 409, code: 'in_use' });
  }
});
