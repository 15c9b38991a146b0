import { createHash } from 'node:crypto';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Kind, Operation, Posted } from '../../ledger/ledger.js';
import type { ZodTypes } from '../../plugins/app/validation.js';
import { IdempotencyHeader, Problem } from '../schemas.js';
import { Issue, Receipt, StockOperation } from './schemas.js';

const tags = ['stock'];
const response = { 201: StockOperation, 409: Problem };

/** Stock that comes and goes. */
const stock: FastifyPluginAsync = async (instance) => {
  const app = instance.withTypeProvider<ZodTypes>();
  const { ledger } = app;

  app.post(
    '/stock/receive',
    {
      config: { role: 'manager' },
      schema: { tags, summary: 'Receive stock', headers: IdempotencyHeader, body: Receipt, response },
    },
    async (request, reply) => {
      const lines = request.body.lines.map(({ item_id, location_id, quantity }) => ({
        itemId: item_id,
        locationId: location_id,
        delta: quantity,
      }));
      return sendPosted(reply, await ledger.post(operationOf(request, 'receive', request.body), lines));
    },
  );

  app.post(
    '/stock/issue',
    {
      config: { role: 'manager' },
      schema: {
        tags,
        summary: 'Issue stock',
        description: 'All lines or none; never more than is on hand and not reserved.',
        headers: IdempotencyHeader,
        body: Issue,
        response,
      },
    },
    async (request, reply) => {
      const lines = request.body.lines.map(({ item_id, location_id, quantity }) => ({
        itemId: item_id,
        locationId: location_id,
        delta: -quantity,
      }));
      return sendPosted(reply, await ledger.post(operationOf(request, 'issue', request.body), lines));
    },
  );
};

export default stock;

/** The operation that a request asks for, apart from its lines. */
export function operationOf(
  request: FastifyRequest,
  kind: Kind,
  { reason, reference }: { readonly reason?: string | undefined; readonly reference?: string | undefined },
): Operation {
  const key = request.headers['idempotency-key'];
  return {
    kind,
    reason,
    reference,
    actorId: request.actor.userId,
    idempotency: typeof key === 'string' ? { key, fingerprint: fingerprintOf(request) } : undefined,
  };
}

function fingerprintOf({ method, url, body }: FastifyRequest): Buffer {
  return createHash('sha256')
    .update(`${method} ${url}\n${JSON.stringify(body)}`)
    .digest();
}

export function sendPosted(reply: FastifyReply, { response, replayed }: Posted): FastifyReply {
  if (replayed) reply.header('idempotency-replayed', 'true');
  return reply.code(201).json(response);
}
