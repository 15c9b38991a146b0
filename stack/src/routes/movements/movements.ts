import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { id } from '../../fields.js';
import { KINDS } from '../../ledger/ledger.js';
import type { ZodTypes } from '../../plugins/app/validation.js';
import { decodeCursor } from '../cursor.js';
import { sendPage } from '../page.js';
import { CountedPageQuery, countedPage, IdParams, Problem } from '../schemas.js';
import { headers, operationOf, response, responseHeaders, sendPosted } from '../stock/operation.js';
import { Movement, Reversal } from '../stock/schemas.js';

const SORT = '-id';
const tags = ['movements'];

/** Not before 1900 nor after 2999, nor 16 hours off: PostgreSQL knows fewer years and offsets than ISO 8601. */
const time = z
  .string()
  .regex(/^(19|2\d)\d\d-.*(Z|[+-](0\d|1[0-5]):[0-5]\d)$/)
  .and(z.iso.datetime({ offset: true }))
  .meta({ examples: ['2026-01-31T00:00:00Z'] });

const MovementQuery = CountedPageQuery.extend({
  location_id: id.optional(),
  kind: z.enum(KINDS).optional(),
  actor_id: id.optional(),
  from: time.optional().meta({ description: 'Inclusive.' }),
  to: time.optional().meta({ description: 'Exclusive.' }),
});

const MovementPage = countedPage('Movement', Movement);

/** The ledger: every change of stock, the newest first. */
const movements: FastifyPluginAsync = async (instance) => {
  const app = instance.withTypeProvider<ZodTypes>();
  const { movements, items } = app.repositories;

  app.get(
    '/movements',
    {
      config: { role: 'viewer' },
      schema: {
        tags,
        operationId: 'listMovements',
        summary: 'List movements, the newest first',
        querystring: MovementQuery.extend({ item_id: id.optional(), group: id.optional() }),
        response: { 200: MovementPage },
      },
    },
    async ({ query }, reply) => {
      const { limit, cursor, item_id, location_id, group, kind, actor_id, from, to, total } = query;
      const after = decodeCursor(cursor, SORT);
      const found = await movements.list({
        limit,
        after,
        itemId: item_id,
        locationId: location_id,
        group,
        kind,
        actorId: actor_id,
        from,
        to,
        total,
      });
      return sendPage(reply, found, SORT);
    },
  );

  app.get(
    '/items/:id/movements',
    {
      config: { role: 'viewer' },
      schema: {
        tags,
        operationId: 'listItemMovements',
        summary: 'List the movements of an item, the newest first',
        params: IdParams,
        querystring: MovementQuery,
        response: { 200: MovementPage, 404: Problem },
      },
    },
    async ({ params, query }, reply) => {
      const { limit, cursor, location_id, kind, actor_id, from, to, total } = query;
      const after = decodeCursor(cursor, SORT);
      await items.find(params.id);
      const found = await movements.list({
        limit,
        after,
        itemId: params.id,
        locationId: location_id,
        kind,
        actorId: actor_id,
        from,
        to,
        total,
      });
      return sendPage(reply, found, SORT);
    },
  );

  app.post(
    '/movements/:group/reverse',
    {
      config: { role: 'manager' },
      schema: {
        tags: ['stock'],
        operationId: 'reverseOperation',
        summary: 'Reverse an operation',
        description: 'Each of its movements is followed by its opposite; the ledger keeps both. Once only.',
        params: z.strictObject({ group: id }),
        headers,
        body: Reversal,
        response: { ...response, 404: Problem },
        responseHeaders,
      },
    },
    async (request, reply) => {
      const operation = operationOf(request, 'reversal', request.body);
      return sendPosted(reply, 'reversal', await app.ledger.reverse(operation, request.params.group));
    },
  );
};

export default movements;
