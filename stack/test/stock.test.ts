import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApi, type TestApi } from './api.js';

let api: TestApi;
let itemNumber = 0;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

async function newItem(onHand = 0): Promise<number> {
  itemNumber += 1;
  const created = await api.as('manager')('POST', '/items', { sku: `S-${itemNumber}`, name: 'Thing' });
  const { id } = created.json();
  if (onHand > 0) {
    const received = await api.as('manager')('POST', '/stock/receive', { lines: [{ item_id: id, quantity: onHand }] });
    expect(received.statusCode).toBe(201);
  }
  return id;
}

async function onHand(id: number): Promise<number> {
  return (await api.as('viewer')('GET', `/items/${id}/stock`)).json().on_hand;
}

describe('receive and issue', () => {
  test('move stock and say what is left', async () => {
    const id = await newItem(10);
    const issued = await api.as('manager')('POST', '/stock/issue', {
      lines: [{ item_id: id, quantity: 3 }],
      reference: 'SO-1',
    });
    expect(issued.statusCode, issued.body).toBe(201);
    expect(issued.json()).toMatchObject({
      kind: 'issue',
      reference: 'SO-1',
      movements: [{ item_id: id, location_id: 1, delta: -3, balance_after: 7 }],
    });
    expect(await onHand(id)).toBe(7);
  });

  test('refuse to issue more than there is', async () => {
    const id = await newItem(2);
    const issued = await api.as('manager')('POST', '/stock/issue', { lines: [{ item_id: id, quantity: 3 }] });
    expect(issued.statusCode).toBe(409);
    expect(issued.headers['content-type']).toContain('application/problem+json');
    expect(issued.json()).toMatchObject({ code: 'insufficient_stock' });
    expect(await onHand(id)).toBe(2);
  });
});
