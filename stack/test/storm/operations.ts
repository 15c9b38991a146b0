import type { Random } from './random.js';

export interface StockRequest {
  /** Below `/api/v1`. */
  readonly path: string;
  readonly body: object;
}

const ITEMS = [1, 2, 3, 4, 5, 6];
const LOCATIONS = [1, 2];

/**
 * Any stock operation on few items, so that they collide.
 *
 * @param groups operations done so far, to reverse.
 */
export function anyOperation(random: Random, groups: readonly number[]): StockRequest {
  const kind = random.pick(['receive', 'issue', 'issue', 'issue', 'adjust', 'count', 'transfer', 'reverse']);
  if (kind === 'reverse' && groups.length > 0) {
    return { path: `/movements/${random.pick(groups)}/reverse`, body: { reason: 'storm' } };
  }
  const lines = Array.from({ length: random.integer(1, 4) }, () => {
    const [item_id, location_id] = [random.pick(ITEMS), random.pick(LOCATIONS)];
    switch (kind) {
      case 'adjust':
        return { item_id, location_id, delta: random.integer(-5, 5) };
      case 'count':
        return { item_id, location_id, counted: random.integer(0, 40) };
      case 'transfer':
        return {
          item_id,
          from_location_id: location_id,
          to_location_id: 3 - location_id,
          quantity: random.integer(1, 5),
        };
      default:
        return { item_id, location_id, quantity: random.integer(1, 8) };
    }
  });
  return {
    path: `/stock/${kind === 'reverse' ? 'issue' : kind}`,
    body: { lines, ...(kind === 'adjust' ? { reason: 'storm' } : {}) },
  };
}
