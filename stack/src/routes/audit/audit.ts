import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { id, timestamp } from '../../fields.js';
import type { ZodTypes } from '../../plugins/app/validation.js';
import { decodeCursor } from '../cursor.js';
import { sendPage } from '../page.js';
import { PageQuery, page } from '../schemas.js';

const SORT = '-id';

const AuditEntry = z
  .object({
    id,
    at: timestamp,
    actor_id: id.nullable().meta({ description: 'null: the API itself.' }),
    actor: z.string().nullable().meta({ description: 'The name of the user or of the API key.' }),
    request_id: z.string().nullable(),
    action: z.string(),
    entity: z.string(),
    entity_id: id.nullable(),
    state: z
      .looseObject({})
      .nullable()
      .meta({ description: 'The entity after the change, without secrets; null where an import made it.' }),
  })
  .meta({ id: 'AuditEntry' });

const AuditQuery = PageQuery.extend({
  entity: z
    .enum(['item', 'category', 'supplier', 'location', 'user', 'import', 'api_key', 'webhook'])
    .optional(),
  entity_id: id.optional(),
  actor_id: id.optional(),
});

/** Who changed what. Stock has its own record, the ledger. */
const audit: FastifyPluginAsync = async (instance) => {
  const app = instance.withTypeProvider<ZodTypes>();

  app.get(
    '/audit',
    {
      config: { role: 'admin' },
      schema: {
        tags: ['audit'],
        operationId: 'listAuditEntries',
        summary: 'List changes, the newest first',
        querystring: AuditQuery,
        response: { 200: page('AuditEntry', AuditEntry) },
      },
    },
    async ({ query: { limit, cursor, entity, entity_id, actor_id } }, reply) => {
      const after = decodeCursor(cursor, SORT);
      const found = await app.repositories.auditLog.list({
        limit,
        after,
        entity,
        entityId: entity_id,
        actorId: actor_id,
      });
      return sendPage(reply, found, SORT);
    },
  );
};

export default audit;
