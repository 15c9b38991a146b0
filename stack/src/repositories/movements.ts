import type { Database } from '../database/database.js';
import type { Kind } from '../ledger/ledger.js';
import { quantitySql } from '../ledger/quantities.js';
import { listPage, type Page } from './keyset.js';

export interface MovementQuery {
  readonly limit: number;
  readonly after: { readonly key: string | number; readonly id: number } | undefined;
  readonly itemId?: number | undefined;
  readonly locationId?: number | undefined;
  readonly group?: number | undefined;
  readonly kind?: Kind | undefined;
  readonly actorId?: number | undefined;
  /** ISO 8601; inclusive. */
  readonly from?: string | undefined;
  /** ISO 8601; exclusive. */
  readonly to?: string | undefined;
  readonly total?: boolean | undefined;
}

/** The ledger to read, the newest first. */
export class Movements {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  list({
    limit,
    after,
    itemId,
    locationId,
    group,
    kind,
    actorId,
    from,
    to,
    total,
  }: MovementQuery): Promise<Page> {
    const conditions = (
      [
        ['item_id = ?', itemId],
        ['location_id = ?', locationId],
        ['group_id = ?', group],
        ['kind = ?', kind],
        ['actor_id = ?', actorId],
        ['created_at >= ?', from],
        ['created_at < ?', to],
      ] as const
    ).filter(([, value]) => value !== undefined);
    return listPage(this.#database, {
      table: 'movements',
      shown: `id, group_id AS "group", item_id, location_id, ${quantitySql('delta')} AS delta,
              ${quantitySql('balance_after')} AS balance_after, kind, reason, reference, reverses, actor_id, created_at`,
      column: 'id',
      descending: true,
      limit,
      after,
      conditions,
      quick: conditions.length === 0,
      total,
    });
  }
}
