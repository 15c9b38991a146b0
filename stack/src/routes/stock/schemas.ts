import { z } from 'zod';
import { counted, difference, id, line, list, quantity, timestamp } from '../../fields.js';
import { KINDS } from '../../ledger/ledger.js';
import { DEFAULT_LOCATION } from '../../repositories/locations.js';

const MAXIMUM_LINES = 500;

const location = id
  .default(DEFAULT_LOCATION)
  .meta({ description: 'Without it: the default location, main.' });
const reason = line(500);
const notes = {
  reason: reason.optional(),
  reference: line(200)
    .optional()
    .meta({ description: 'A document of yours, such as an order.', examples: ['PO-1001'] }),
};

const operation = <Line extends z.ZodType>(entry: Line) =>
  z.strictObject({ lines: list(entry, MAXIMUM_LINES), ...notes });

const QuantityLine = z.strictObject({ item_id: id, location_id: location, quantity });

export const Receipt = operation(QuantityLine).meta({
  id: 'Receipt',
  examples: [{ lines: [{ item_id: 1, quantity: 10 }], reference: 'PO-1001' }],
});

export const Issue = operation(QuantityLine).meta({
  id: 'Issue',
  examples: [{ lines: [{ item_id: 1, quantity: 2 }], reference: 'SO-2001' }],
});

export const Adjustment = z
  .strictObject({
    lines: list(z.strictObject({ item_id: id, location_id: location, delta: difference }), MAXIMUM_LINES),
    ...notes,
    reason,
  })
  .meta({ id: 'Adjustment', examples: [{ lines: [{ item_id: 1, delta: -1 }], reason: 'broken' }] });

export const StockCount = operation(z.strictObject({ item_id: id, location_id: location, counted })).meta({
  id: 'StockCount',
  examples: [{ lines: [{ item_id: 1, counted: 12 }] }],
});

export const Transfer = operation(
  z.strictObject({ item_id: id, from_location_id: location, to_location_id: id, quantity }),
).meta({ id: 'Transfer', examples: [{ lines: [{ item_id: 1, to_location_id: 2, quantity: 3 }] }] });

export const Reversal = z
  .strictObject(notes)
  .meta({ id: 'Reversal', examples: [{ reason: 'entered twice' }] });

export const Movement = z
  .object({
    id,
    group: id.meta({ description: 'Movements of one operation share it.' }),
    item_id: id,
    location_id: id,
    delta: z.number(),
    balance_after: z.number(),
    kind: z.enum(KINDS),
    reason: z.string().nullable(),
    reference: z.string().nullable(),
    reverses: id.nullable(),
    actor_id: id.nullable().meta({ description: 'null: the API itself.' }),
    created_at: timestamp,
  })
  .meta({ id: 'Movement' });

export const StockOperation = z
  .object({
    group: id.meta({ description: 'Names the operation, for a reversal.' }),
    kind: z.enum(KINDS),
    reason: z.string().nullable(),
    reference: z.string().nullable(),
    reverses: id.nullable(),
    actor_id: id,
    movements: z.array(
      Movement.pick({
        id: true,
        item_id: true,
        location_id: true,
        delta: true,
        balance_after: true,
        created_at: true,
      }),
    ),
  })
  .meta({ id: 'StockOperation' });

export const Verification = z
  .object({
    clean: z.boolean(),
    levels: z.int(),
    movements: z.int(),
    flaw_count: z.int(),
    flaws: z
      .array(
        z.object({
          item_id: id,
          location_id: id,
          flaw: z.enum(['sum', 'chain']).meta({
            description: 'sum: on hand is not the sum of the movements. chain: a balance does not follow.',
          }),
          movement_id: id.nullable(),
          expected: z.number(),
          found: z.number(),
        }),
      )
      .meta({ description: 'The first hundred.' }),
  })
  .meta({ id: 'Verification' });
