import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ask, startApi, type TestApi } from '../api.js';
import { LedgerModel, type ModelLine, type ModelOutcome } from './ledger-model.js';

const RUNS = 20;
const SEED = Number(process.env.MODEL_SEED ?? Date.now() % 1_000_000);
/** How many decimals each item begins with: what the model counts in ones is sent as that many decimals. */
const DECIMALS = [0, 1, 3] as const;
const ITEMS = DECIMALS.length;
const LOCATIONS = [1, 2] as const;

let api: TestApi;
let ask: Ask;

beforeAll(async () => {
  api = await startApi({ RATE_LIMIT_PER_MINUTE: '100000000' });
  ask = api.as('manager');
  await ask('POST', '/locations', { code: 'attic', name: 'Attic' });
});
afterAll(() => api.close());

/** The API, with new items for each run. */
interface Real {
  readonly items: readonly number[];
}

const quantityOf = (item: number, count: number) => count / 10 ** (DECIMALS[item] as number);

type LedgerCommand = fc.AsyncCommand<LedgerModel, Real>;

const item = fc.integer({ min: 0, max: ITEMS - 1 });
const location = fc.constantFrom(...LOCATIONS);
const key = fc.option(fc.constantFrom('k1', 'k2', 'k3'));

/** Sends a stock operation and compares status, movements and balances with what the model says. */
async function compare(
  model: LedgerModel,
  { items }: Real,
  request: { readonly path: string; readonly body: object; readonly key: string | null },
  outcome: ModelOutcome,
): Promise<number | undefined> {
  const { path, body } = request;
  // Each run has keys of its own.
  const runKey = request.key && `${items[0]}-${request.key}`;
  const sent = `${path} ${JSON.stringify(body)}`;
  const known = runKey ? model.keys.get(runKey) : undefined;
  const answer = await ask('POST', path, body, runKey ? { 'idempotency-key': runKey } : {});
  const content = answer.json();
  // What no ledger could do is refused before the key is looked at.
  const impossible = 'refusal' in outcome && ['invalid', 'not_found'].includes(outcome.refusal);
  if (known && !impossible) {
    if (known.request === sent) {
      expect(answer.headers['idempotency-replayed']).toBe('true');
      expect(content.group).toBe(known.group);
    } else {
      expect(content.code).toBe('idempotency_key_reused');
    }
    return undefined;
  }
  if ('refusal' in outcome) {
    expect(content.code, sent).toBe(outcome.refusal);
    return undefined;
  }
  expect(answer.statusCode, answer.body).toBe(201);
  model.apply(content.group, outcome.moved);
  if (runKey) model.keys.set(runKey, { request: sent, group: content.group });
  const order = (a: { item_id: number; location_id: number }, b: { item_id: number; location_id: number }) =>
    a.item_id - b.item_id || a.location_id - b.location_id;
  const expected = outcome.moved.map((line) => ({
    item_id: items[line.item] as number,
    location_id: line.location,
    delta: quantityOf(line.item, line.delta),
    balance_after: quantityOf(line.item, model.onHand(line.item, line.location)),
  }));
  expect([...content.movements].sort(order)).toMatchObject(expected.sort(order));
  return content.group;
}

interface Move {
  readonly kind: 'receive' | 'issue' | 'adjust' | 'transfer';
  readonly lines: readonly { readonly item: number; readonly location: number; readonly quantity: number }[];
  readonly key: string | null;
}

function moving({ kind, lines, key }: Move): LedgerCommand {
  const modelLines: ModelLine[] = lines.flatMap(({ item, location, quantity }) => {
    if (kind === 'transfer') {
      return [
        { item, location, delta: -quantity },
        { item, location: 3 - location, delta: quantity },
      ];
    }
    return [{ item, location, delta: kind === 'issue' ? -quantity : quantity }];
  });
  const line = (items: readonly number[], { item, location, quantity }: Move['lines'][number]) => ({
    item_id: items[item],
    ...(kind === 'transfer'
      ? { from_location_id: location, to_location_id: 3 - location }
      : { location_id: location }),
    [kind === 'adjust' ? 'delta' : 'quantity']: quantityOf(item, quantity),
  });
  return {
    check: () => true,
    async run(model, real) {
      const body = {
        lines: lines.map((entry) => line(real.items, entry)),
        ...(kind === 'adjust' ? { reason: 'model' } : {}),
      };
      await compare(model, real, { path: `/stock/${kind}`, body, key }, model.judge(modelLines));
    },
    toString: () => `${kind}(${JSON.stringify(lines)}, ${key})`,
  };
}

function counting(counted: readonly { item: number; location: number; counted: number }[]): LedgerCommand {
  return {
    check: () => true,
    async run(model, real) {
      const twice = new Set(counted.map(({ item, location }) => `${item}/${location}`)).size < counted.length;
      const moved = counted
        .map(({ item, location, counted }) => ({
          item,
          location,
          delta: counted - model.onHand(item, location),
        }))
        .filter(({ delta }) => delta !== 0);
      const lines = counted.map(({ item, location, counted }) => ({
        item_id: real.items[item],
        location_id: location,
        counted: quantityOf(item, counted),
      }));
      await compare(
        model,
        real,
        { path: '/stock/count', body: { lines }, key: null },
        twice ? { refusal: 'invalid' } : { moved },
      );
    },
    toString: () => `count(${JSON.stringify(counted)})`,
  };
}

/** @param position of the operation among all that were done. */
function reversing(position: number, key: string | null): LedgerCommand {
  return {
    check: (model) => model.groups.size > 0,
    async run(model, real) {
      const group = [...model.groups.keys()][position % model.groups.size] as number;
      const request = { path: `/movements/${group}/reverse`, body: { reason: 'model' }, key };
      if ((await compare(model, real, request, model.judgeReversal(group))) !== undefined)
        model.reversed.add(group);
    },
    toString: () => `reverse(${position}, ${key})`,
  };
}

function reading(item: number): LedgerCommand {
  return {
    check: () => true,
    async run(model, { items }) {
      const stock = (await ask('GET', `/items/${items[item]}/stock`)).json();
      const levels = LOCATIONS.map((location) => model.onHand(item, location));
      const total = levels.reduce((sum, onHand) => sum + onHand, 0);
      expect(stock.on_hand).toBe(quantityOf(item, total));
      for (const { location_id, on_hand } of stock.locations)
        expect(on_hand).toBe(quantityOf(item, model.onHand(item, location_id)));
      const [latest] = (await ask('GET', `/items/${items[item]}/movements?limit=1`)).json().data;
      if (latest) {
        expect(latest.balance_after).toBe(quantityOf(item, model.onHand(item, latest.location_id)));
      }
    },
    toString: () => `read(${item})`,
  };
}

/** More decimals change no quantity; fewer are refused once there was stock. */
function rescaling(item: number, decimals: number): LedgerCommand {
  return {
    check: () => true,
    async run(model, { items }) {
      const path = `/items/${items[item]}`;
      const before = (await ask('GET', path)).json().decimals;
      // Below what it began with, the model's quantities would be refused.
      const wanted = Math.max(decimals, DECIMALS[item] as number);
      const answer = await ask('PATCH', path, { decimals: wanted }, { 'if-match': '*' });
      const stocked = LOCATIONS.some((location) => model.levels.has(`${item}/${location}`));
      if (wanted < before && stocked) expect(answer.json().code).toBe('in_stock');
      else if (wanted >= before) expect(answer.statusCode, answer.body).toBe(200);
    },
    toString: () => `rescale(${item}, ${decimals})`,
  };
}

const quantityLine = fc.record({ item, location, quantity: fc.integer({ min: 1, max: 9 }) });
const commands = fc.commands(
  [
    fc
      .record({
        kind: fc.constantFrom<Move['kind'][]>('receive', 'issue', 'transfer'),
        lines: fc.array(quantityLine, { minLength: 1, maxLength: 4 }),
        key,
      })
      .map(moving),
    fc
      .record({
        kind: fc.constant('adjust' as const),
        lines: fc.array(fc.record({ item, location, quantity: fc.integer({ min: -5, max: 9 }) }), {
          minLength: 1,
          maxLength: 3,
        }),
        key,
      })
      .map(moving),
    fc
      .array(fc.record({ item, location, counted: fc.integer({ min: 0, max: 20 }) }), {
        minLength: 1,
        maxLength: 3,
      })
      .map(counting),
    fc.tuple(fc.nat(50), key).map(([position, key]) => reversing(position, key)),
    item.map(reading),
    fc.tuple(item, fc.integer({ min: 0, max: 4 })).map(([item, decimals]) => rescaling(item, decimals)),
  ],
  { maxCommands: 30, size: 'max' },
);

test('whatever is done in whatever order, the API answers as a model of the ledger does', async () => {
  console.log(`MODEL_SEED=${SEED}`);
  let number = 0;
  await fc.assert(
    fc.asyncProperty(commands, (sequence) =>
      fc.asyncModelRun(async () => {
        const items: number[] = [];
        for (let count = 0; count < ITEMS; count += 1) {
          number += 1;
          const fields = { sku: `M-${number}`, name: 'Model', decimals: DECIMALS[count] };
          items.push((await ask('POST', '/items', fields)).json().id);
        }
        return { model: new LedgerModel(), real: { items } };
      }, sequence),
    ),
    { numRuns: RUNS, seed: SEED },
  );
  expect((await ask('GET', '/stock/verify')).json()).toMatchObject({ clean: true });
});
