import { z } from 'zod';
import { id } from '../fields.js';
import { PROBLEM_CODES } from '../problem.js';

// What more than one resource says about its input and its answers.

export const IdParams = z.strictObject({ id });

export const IfMatchHeader = z.object({
  'if-match': z
    .string()
    .max(1000)
    .meta({ description: 'The ETag of the version to change, such as "3".', examples: ['"1"'] }),
});

export const IfNoneMatchHeader = z.object({ 'if-none-match': z.string().max(1000).optional() });

export const IdempotencyHeader = z.object({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/)
    .optional()
    .meta({
      description: 'A value of your own, such as a UUID: sent again, the operation is not done again.',
    }),
});

export const Problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z
      .enum(Object.values(PROBLEM_CODES).flat())
      .meta({ description: 'A stable word for programs. There may come more.' }),
    detail: z.string(),
    request_id: z.string(),
    errors_omitted: z
      .int()
      .optional()
      .meta({ description: 'How many more errors there are than are shown.' }),
    errors: z.array(z.object({ pointer: z.string(), code: z.string(), message: z.string() })),
  })
  .meta({ id: 'Problem', description: 'What went wrong, after RFC 9457.' });

export const PageQuery = z.strictObject({
  limit: z.int().min(1).max(200).default(50),
  cursor: z
    .string()
    .max(1000)
    .optional()
    .meta({ description: 'The next_cursor of the page before. Keep the filters and the order.' }),
});

/** An answer without a body. */
export const Empty = z.undefined();

/** For lists that are counted on request. */
export const CountedPageQuery = PageQuery.extend({
  total: z
    .boolean()
    .default(false)
    .meta({ description: 'Counts all that match as well. Ask once, not with every page: it is work.' }),
});

/** One page of a list. */
export const page = (name: string, entry: z.ZodType) =>
  z
    .object({
      data: z.array(entry),
      next_cursor: z.string().nullable().meta({ description: 'null on the last page.' }),
    })
    .meta({ id: `${name}Page` });

/** One page of a list that is counted on request. */
export const countedPage = (name: string, entry: z.ZodType) =>
  page(name, entry)
    .extend({ total: z.int().optional().meta({ description: 'With total=true: of all pages.' }) })
    .meta({ id: `${name}Page` });
