import type { Statement } from '../database/database.js';
import { outboxInsert } from '../webhooks/events.js';
import { quantitySql, stepsOfTenThousandthsSql, tenThousandthsSql } from './quantities.js';

// The statements that move stock. Each is a whole operation in one round trip: it decides, changes the levels,
// writes the ledger, stores the idempotency key and tells the outbox, or it does none of that.
//
// There are two of each. The usual one is for whole quantities of items without decimals, and does nothing where an item
// has decimals; the other one is for all items, and costs a little more.
//
// Columns: response (JSON text, NULL if nothing was done), moved (how many movements), and with a key: claimed (false
// while another request holds the key), prior_fingerprint and prior_response (if the key was used before). The one for
// many lines also has levels: if nothing was done though all levels are there and open, each as it was then.

/** The most steps that a level may hold, so that every quantity is an exact number in JSON: `stock_levels_on_hand_limit`. */
export const ON_HAND_LIMIT = 1_000_000_000_000;

/** What the statements that move stock are given, in the order of their parameters, of which the last three are optional. */
const PARAMETERS = [
  'kind',
  'reason',
  'reference',
  'actor',
  'reverses',
  'items',
  'locations',
  'quantities',
  'decimals',
  'key',
  'fingerprint',
] as const;
type Parameter = (typeof PARAMETERS)[number];

/**
 * The values of a statement's parameters: for one line, `items`, `locations`, `quantities` and `decimals` are not arrays.
 * Where `decimals` has how many a quantity was written with, `quantities` are in ten-thousandths.
 */
export type StatementValues = Readonly<Record<Exclude<Parameter, Optional>, unknown>> &
  Readonly<Partial<Record<Optional, unknown>>>;
type Optional = 'decimals' | 'key' | 'fingerprint';

/** The values in the order in which a statement takes them. */
export function inOrder(values: StatementValues): unknown[] {
  return PARAMETERS.filter((name) => name in values).map((name) => values[name]);
}

const parameter = (name: Parameter) => `$${PARAMETERS.indexOf(name) + 1}`;
const KIND = `${parameter('kind')}::text`;
const REASON = `${parameter('reason')}::text`;
const REFERENCE = `${parameter('reference')}::text`;
const ACTOR = `${parameter('actor')}::bigint`;
const REVERSES = `${parameter('reverses')}::bigint`;
const ITEM = `${parameter('items')}::bigint`;
const LOCATION = `${parameter('locations')}::bigint`;
const DELTA = `${parameter('quantities')}::bigint`;
const ITEMS = `${ITEM}[]`;
const LOCATIONS = `${LOCATION}[]`;
const QUANTITIES = `${DELTA}[]`;

/** For which items and callers a statement is. */
interface Variant {
  /** Whether for items with decimals as well. */
  readonly decimals: boolean;
  readonly keyed: boolean;
}

const DECIMALS = `${parameter('decimals')}::smallint`;
/** SQL for the key, of which the place depends on whether there are decimals before it. */
function keyOf({ decimals }: Variant): { readonly key: string; readonly fingerprint: string } {
  const first = PARAMETERS.indexOf('key') + (decimals ? 1 : 0);
  return { key: `$${first}::text`, fingerprint: `$${first + 1}::bytea` };
}

/** A space of advisory locks of its own: 'idem' in ASCII. */
const IDEMPOTENCY_LOCKS = 0x6964656d;

const CLAIM = (key: string) => `
  prior AS MATERIALIZED (
    SELECT fingerprint, response FROM idempotency_keys WHERE actor_id = ${ACTOR} AND key = ${key}
  ),
  claim AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(${IDEMPOTENCY_LOCKS}, hashtext(${ACTOR} || '/' || ${key})) AS claimed
  ),`;

const KEY_IS_FREE = `
      AND (SELECT claimed FROM claim) AND NOT EXISTS (SELECT FROM prior)`;

/** A level is locked and changed by the same UPDATE, whose condition is checked against its latest state. */
const ONE_LINE = ({ decimals, keyed }: Variant) => {
  const steps = decimals ? stepsOfTenThousandthsSql(DELTA) : DELTA;
  return `
  level AS (
    UPDATE stock_levels SET on_hand = on_hand + ${steps}
    WHERE item_id = ${ITEM} AND location_id = ${LOCATION}
      AND NOT closed AND decimals ${decimals ? `>= ${DECIMALS}` : '= 0'}
      AND on_hand + ${steps} BETWEEN 0 AND ${ON_HAND_LIMIT}${keyed ? KEY_IS_FREE : ''}
    RETURNING item_id, location_id, ${steps} AS delta, on_hand, decimals
  ),
  done AS (SELECT WHERE EXISTS (SELECT FROM level)),`;
};

/**
 * Levels are locked first, in order, and judged together; `change` is a line's delta, given its steps and what is on hand.
 *
 * Where another has changed a level since the statement's snapshot, the lock brings its latest state, and `locked` is
 * computed from that. The UPDATE finds the state of the snapshot again, and PostgreSQL holds a row's CHECKs against
 * what would follow from it before it looks for the latest one. So the new level is computed from `locked`.
 */
const MANY_LINES = ({ decimals, keyed }: Variant, change: (steps: string) => string) => {
  const changed = change(
    decimals ? stepsOfTenThousandthsSql('line.quantity', 'stock_levels.decimals') : 'line.quantity',
  );
  return `
  line AS (
    SELECT * FROM unnest(${ITEMS}, ${LOCATIONS}, ${QUANTITIES}${decimals ? `, ${DECIMALS}[]` : ''})
      AS line (item_id, location_id, quantity${decimals ? ', decimals' : ''})
  ),
  locked AS MATERIALIZED (
    SELECT item_id, location_id, ${changed} AS delta, stock_levels.on_hand, stock_levels.closed, stock_levels.decimals,
      NOT stock_levels.closed AND stock_levels.decimals ${decimals ? '>= line.decimals' : '= 0'}
        AND stock_levels.on_hand + ${changed} BETWEEN 0 AND ${ON_HAND_LIMIT} AS feasible
    FROM stock_levels JOIN line USING (item_id, location_id)
    WHERE true${keyed ? KEY_IS_FREE : ''}
    ORDER BY item_id, location_id
    FOR UPDATE OF stock_levels
  ),
  done AS MATERIALIZED (
    SELECT WHERE (SELECT coalesce(bool_and(feasible), false) AND count(*) = cardinality(${ITEMS}) FROM locked)
  ),
  level AS (
    UPDATE stock_levels SET on_hand = locked.on_hand + locked.delta
    FROM locked
    WHERE stock_levels.item_id = locked.item_id AND stock_levels.location_id = locked.location_id
      AND locked.delta <> 0 AND EXISTS (SELECT FROM done)
    RETURNING stock_levels.item_id, stock_levels.location_id, locked.delta, stock_levels.on_hand, stock_levels.decimals
  ),`;
};

/** All levels in the order of the lines, if each is there and open but they cannot change as asked for. */
const REFUSED_LEVELS = `,
    (SELECT json_agg(json_build_object('onHand', on_hand, 'decimals', decimals) ORDER BY item_id, location_id)
     FROM locked WHERE NOT EXISTS (SELECT FROM done)
     HAVING count(*) = cardinality(${ITEMS}) AND NOT bool_or(closed)) AS levels`;

interface Shape {
  readonly lines: (variant: Variant) => string;
  /** Further columns of the answer. */
  readonly columns: string;
}

function statement(name: string, { lines, columns }: Shape, variant: Variant): Statement {
  const { decimals, keyed } = variant;
  const { key, fingerprint } = keyOf(variant);
  const quantity = (column: string) => (decimals ? `${quantitySql(column)} AS ${column}` : column);
  return {
    name: `ledger-${name}${decimals ? '-decimals' : ''}${keyed ? '-keyed' : ''}`,
    text: `
  WITH${keyed ? CLAIM(key) : ''}${lines(variant)}
  operation AS MATERIALIZED (SELECT nextval('movement_groups') AS group_id FROM done),
  movement AS (
    INSERT INTO movements (group_id, item_id, location_id, delta, balance_after, ${decimals ? 'decimals, ' : ''}kind,
      reason, reference, reverses, actor_id, idempotency_key)
    SELECT group_id, item_id, location_id, delta, on_hand, ${decimals ? 'decimals, ' : ''}${KIND}, ${REASON},
      ${REFERENCE}, ${REVERSES}, ${ACTOR}, ${keyed ? key : 'NULL'}
    FROM level, operation
    RETURNING id, item_id, location_id, ${quantity('delta')}, ${quantity('balance_after')}, created_at
  ),
  answer AS (
    SELECT json_build_object(
      'group', group_id, 'kind', ${KIND}, 'reason', ${REASON}, 'reference', ${REFERENCE}, 'reverses', ${REVERSES},
      'actor_id', ${ACTOR},
      'movements', (SELECT coalesce(json_agg(movement ORDER BY id), '[]') FROM movement)
    )::text AS response
    FROM operation
  ),
  told AS (
    ${outboxInsert('stock.moved', 'response', 'answer')} AND EXISTS (SELECT FROM movement)
  )${
    keyed
      ? `,
  stored AS (
    INSERT INTO idempotency_keys (actor_id, key, fingerprint, response)
    SELECT ${ACTOR}, ${key}, ${fingerprint}, response FROM answer
  )
  SELECT claimed, (SELECT fingerprint FROM prior) AS prior_fingerprint,
    (SELECT response FROM prior) AS prior_response, (SELECT response FROM answer) AS response,
    (SELECT count(*) FROM movement) AS moved${columns}
  FROM claim`
      : `
  SELECT (SELECT response FROM answer) AS response, (SELECT count(*) FROM movement) AS moved${columns}`
  }`,
  };
}

interface PlainAndKeyed {
  readonly plain: Statement;
  readonly keyed: Statement;
}

export interface LedgerStatement {
  /** For whole quantities of items without decimals. */
  readonly whole: PlainAndKeyed;
  /** For all items. */
  readonly decimals: PlainAndKeyed;
}

function variants(name: string, shape: Shape): LedgerStatement {
  const both = (decimals: boolean) => ({
    plain: statement(name, shape, { decimals, keyed: false }),
    keyed: statement(name, shape, { decimals, keyed: true }),
  });
  return { whole: both(false), decimals: both(true) };
}

/** Moves one line. */
export const POST_LINE = variants('line', { lines: ONE_LINE, columns: '' });

/** Moves any number of lines, all or none. */
export const POST_LINES = variants('lines', {
  lines: (variant) => MANY_LINES(variant, (steps) => steps),
  columns: REFUSED_LEVELS,
});

/** Sets levels to the quantities that were counted; a level that was right gets no movement. */
export const POST_COUNTS = variants('counts', {
  lines: (variant) => MANY_LINES(variant, (steps) => `(${steps} - stock_levels.on_hand)`),
  columns: REFUSED_LEVELS,
});

/** Opens the levels ($1 items, $2 locations) that stock may enter: of live items and known locations. */
export const OPEN_LEVELS: Statement = {
  name: 'ledger-open-levels',
  text: `
    INSERT INTO stock_levels (item_id, location_id, decimals)
    SELECT items.id, locations.id, items.decimals
    FROM unnest($1::bigint[], $2::bigint[]) AS line (item_id, location_id)
    JOIN items ON items.id = line.item_id AND items.archived_at IS NULL
    JOIN locations ON locations.id = line.location_id
    ORDER BY items.id, locations.id
    FOR SHARE OF items
    ON CONFLICT DO NOTHING`,
};

/** What stands in the way of lines ($1 items, $2 locations), in their order. */
export const DIAGNOSE: Statement = {
  text: `
    SELECT items.id IS NOT NULL AS "itemExists", items.archived_at IS NOT NULL AS "itemArchived",
      locations.id IS NOT NULL AS "locationExists", stock_levels.item_id IS NOT NULL AS "levelExists",
      coalesce(stock_levels.on_hand, 0) AS "onHand", coalesce(stock_levels.decimals, items.decimals) AS decimals
    FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS line (item_id, location_id, position)
    LEFT JOIN items ON items.id = line.item_id
    LEFT JOIN locations ON locations.id = line.location_id
    LEFT JOIN stock_levels ON stock_levels.item_id = line.item_id
      AND stock_levels.location_id = line.location_id
    ORDER BY position`,
};

export const FIND_KEY: Statement = {
  text: `SELECT fingerprint AS prior_fingerprint, response AS prior_response
         FROM idempotency_keys WHERE actor_id = $1 AND key = $2`,
};

/** What undoes a group ($1). */
export const REVERSED_LINES: Statement = {
  text: `SELECT item_id AS "itemId", location_id AS "locationId", -${tenThousandthsSql('delta')} AS delta, decimals
         FROM movements WHERE group_id = $1`,
};
