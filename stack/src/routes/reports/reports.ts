import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { id, isTimeZone, timeZone } from '../../fields.js';
import { KINDS } from '../../ledger/ledger.js';
import type { ZodTypes } from '../../plugins/app/validation.js';
import { invalid } from '../../problem.js';
import { decodeCursor } from '../cursor.js';
import { sendPage } from '../page.js';
import { CountedPageQuery, countedPage } from '../schemas.js';

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 30;
const MAXIMUM_DAYS = 366;

const tags = ['reports'];
const config = { role: 'viewer' } as const;

const LowStockItem = z
  .object({
    item_id: id,
    sku: z.string(),
    name: z.string(),
    supplier_id: id.nullable(),
    unit: z.string(),
    decimals: z.int(),
    on_hand: z.number(),
    reorder_point: z.number(),
  })
  .meta({ id: 'LowStockItem' });

const held = {
  items: z.int(),
  value: z.string(),
  units: z.number().nullable().meta({ description: 'null where the items are not of one unit.' }),
  quantities: z
    .array(z.object({ unit: z.string(), on_hand: z.number() }))
    .meta({ description: 'What is on hand, for each unit: what is counted otherwise is not summed.' }),
};

const Valuation = z
  .object({
    ...held,
    categories: z.array(z.object({ category_id: id.nullable(), category: z.string().nullable(), ...held })),
  })
  .meta({ id: 'Valuation', description: 'What is on hand times its price.' });

/** Years that PostgreSQL and ISO 8601 both know. */
const day = z
  .string()
  .regex(/^(19|2\d)\d\d-/)
  .and(z.iso.date())
  .meta({ examples: ['2026-01-31'] });

const DailyQuery = z.strictObject({
  from: day.optional().meta({ description: `Without it: ${DEFAULT_DAYS} days up to the last.` }),
  to: day.optional().meta({ description: 'The last day; without it: today.' }),
  tz: timeZone
    .optional()
    .meta({ description: 'The time zone whose days they are; without it: that of the setting TIME_ZONE.' }),
});

const MovementsDaily = z
  .object({
    from: z.iso.date(),
    to: z.iso.date(),
    tz: z.string(),
    days: z.array(
      z.object({
        day: z.iso.date(),
        kind: z.enum(KINDS),
        unit: z.string().meta({ description: 'Of the items: what is counted otherwise is not summed.' }),
        movements: z.int(),
        units_in: z.number(),
        units_out: z.number(),
      }),
    ),
  })
  .meta({ id: 'MovementsDaily' });

/** YYYY-MM-DD, which is how Sweden writes a date. */
function todayIn(timeZone: string): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' }).format(new Date());
}

/** Stock from a distance. */
const reports: FastifyPluginAsync = async (instance) => {
  const app = instance.withTypeProvider<ZodTypes>();
  const { reports } = app.repositories;

  app.get(
    '/reports/low-stock',
    {
      config,
      schema: {
        tags,
        operationId: 'getLowStock',
        summary: 'List items at or below their reorder point',
        querystring: CountedPageQuery,
        response: { 200: countedPage('LowStock', LowStockItem) },
      },
    },
    async ({ query: { limit, cursor, total } }, reply) =>
      sendPage(reply, await reports.lowStock(limit, decodeCursor(cursor, 'sku'), total), 'sku'),
  );

  app.get(
    '/reports/valuation',
    {
      config,
      schema: {
        tags,
        operationId: 'getValuation',
        summary: 'Read what the stock is worth',
        response: { 200: Valuation },
      },
    },
    async (_request, reply) => reply.json(await reports.valuation()),
  );

  app.get(
    '/reports/movements-daily',
    {
      config,
      schema: {
        tags,
        operationId: 'getDailyMovements',
        summary: 'Read movements by day, kind and unit',
        querystring: DailyQuery,
        response: { 200: MovementsDaily },
      },
    },
    async ({ query }, reply) => {
      const tz = query.tz ?? app.settings.timeZone;
      if (!isTimeZone(tz)) {
        throw invalid([{ pointer: '/query/tz', code: 'time_zone', message: 'is no time zone' }]);
      }
      const to = query.to ?? todayIn(tz);
      const from =
        query.from ?? new Date(Date.parse(to) - (DEFAULT_DAYS - 1) * DAY_MS).toISOString().slice(0, 10);
      const days = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
      if (days < 1 || days > MAXIMUM_DAYS) {
        const message = `is not between 1 and ${MAXIMUM_DAYS} days before the last`;
        throw invalid([{ pointer: '/query/from', code: 'range', message }]);
      }
      return reply.json(await reports.movementsDaily(from, to, tz));
    },
  );
};

export default reports;
