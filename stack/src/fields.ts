import { z } from 'zod';

// What values look like, wherever they come in: in a body, a query or a file.

/** Text of one line, with something to read in it. Control characters, NUL above all, are refused. */
export const line = (maximum: number) =>
  z
    .string()
    .min(1)
    .max(maximum, `must have at most ${maximum} characters`)
    // The lookahead keeps this linear: two adjoining repetitions would not be.
    .regex(/^(?=.*\S)\P{Cc}*$/u, 'must be text without control characters');

export const id = z.int().min(1).max(Number.MAX_SAFE_INTEGER);

export const timestamp = z.iso
  .datetime({ offset: true })
  .meta({ examples: ['2026-01-31T09:30:00.125+00:00'] });

/** A count of units. The ledger's own limit for what is on hand is 10^12. */
export const quantity = z.int().min(1).max(1_000_000_000);

/** Money, exact: a JSON number would be binary. At most nine digits before the point and four after. */
export const price = z
  .string()
  .regex(/^(0|[1-9]\d{0,8})(\.\d{1,4})?$/, 'must be a price such as 2.55, with at most four decimals')
  .meta({ examples: ['2.55'] });

export const sku = line(64).meta({ description: 'Upper and lower case differ.', examples: ['85123A'] });
export const itemName = line(200).meta({ examples: ['WHITE HANGING HEART T-LIGHT HOLDER'] });
export const unit = line(20).meta({ examples: ['each'] });
export const barcode = line(64).meta({ examples: ['5012345678900'] });
export const categoryName = line(100).meta({ examples: ['Kitchen'] });
export const supplierName = line(100).meta({ examples: ['Potteries Ltd'] });
export const locationCode = line(32).meta({ examples: ['main'] });
