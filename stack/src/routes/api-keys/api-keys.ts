import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { newApiKey, SCOPES } from '../../auth/api-keys.js';
import { id, line, list, timestamp } from '../../fields.js';
import type { ZodTypes } from '../../plugins/app/validation.js';
import { invalid } from '../../problem.js';
import { decodeCursor } from '../cursor.js';
import { sendPage } from '../page.js';
import { IdParams, PageQuery, Problem, page } from '../schemas.js';

const tags = ['api keys'];
const SORT = '-id';

const scopes = list(z.enum(SCOPES), SCOPES.length).meta({
  description: 'What the key may be used for. write includes read.',
  examples: [['stock:write']],
});

const fields = {
  id,
  name: z.string(),
  key_start: z.string().meta({ description: 'How the key begins.' }),
  scopes: z.array(z.enum(SCOPES)),
  created_by: id.nullable(),
  created_at: timestamp,
  expires_at: timestamp.nullable().meta({ description: 'null: it does not expire.' }),
  last_used_at: timestamp.nullable().meta({ description: 'To the minute; null: never.' }),
  revoked_at: timestamp.nullable(),
};

const ApiKey = z.object(fields).meta({ id: 'ApiKey' });
const CreatedApiKey = z
  .object({
    ...fields,
    key: z.string().meta({ description: 'The key. Keep it now: it is not stored, and never shown again.' }),
  })
  .meta({ id: 'CreatedApiKey' });
const NewApiKey = z
  .strictObject({
    name: line(64).meta({ examples: ['shop'] }),
    scopes,
    expires_at: timestamp.nullable().default(null),
  })
  .meta({ id: 'NewApiKey', examples: [{ name: 'shop', scopes: ['items:read', 'stock:write'] }] });

/** Keys for machines, which log in nowhere. A key is an actor of its own in the ledger and the audit log. */
const apiKeys: FastifyPluginAsync = async (instance) => {
  const app = instance.withTypeProvider<ZodTypes>();
  const { apiKeys } = app.repositories;

  app.get(
    '/api-keys',
    {
      config: { role: 'admin' },
      schema: {
        tags,
        operationId: 'listApiKeys',
        summary: 'List API keys, the newest first',
        description: 'Those that were revoked as well. None is shown itself.',
        querystring: PageQuery,
        response: { 200: page('ApiKey', ApiKey) },
      },
    },
    async ({ query: { limit, cursor } }, reply) =>
      sendPage(reply, await apiKeys.list(limit, decodeCursor(cursor, SORT)), SORT),
  );

  app.post(
    '/api-keys',
    {
      config: { role: 'admin' },
      schema: {
        tags,
        operationId: 'createApiKey',
        summary: 'Make an API key',
        description: 'The answer has the key, which is never shown again. It is sent as a bearer token.',
        body: NewApiKey,
        response: { 201: CreatedApiKey, 409: Problem },
      },
    },
    async (request, reply) => {
      const { name, scopes, expires_at: expiresAt } = request.body;
      if (expiresAt !== null && Date.parse(expiresAt) <= Date.now()) {
        throw invalid([{ pointer: '/body/expires_at', code: 'past', message: 'is in the past' }]);
      }
      const { key, hash, start } = newApiKey();
      const { json } = await apiKeys.add({ name, scopes, expiresAt, hash, start }, request.actor);
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .json(JSON.stringify({ ...JSON.parse(json), key }));
    },
  );

  app.post(
    '/api-keys/:id/revoke',
    {
      config: { role: 'admin' },
      schema: {
        tags,
        operationId: 'revokeApiKey',
        summary: 'Revoke an API key',
        description: 'For good, within five seconds.',
        params: IdParams,
        response: { 200: ApiKey, 404: Problem },
      },
    },
    async (request, reply) => {
      const { json, hash } = await apiKeys.revoke(request.params.id, request.actor);
      app.forgetApiKey(hash);
      return reply.json(json);
    },
  );
};

export default apiKeys;
