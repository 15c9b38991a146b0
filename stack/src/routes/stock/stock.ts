import { createHash } from 'node:crypto';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { id } from '../../fields.js';
import type { Kind, Operation, Posted } from '../../ledger/ledger.js';
import type { ZodTypes } from '../../plugins/app/validation.js';
import { IdempotencyHeader, Problem } from '../schemas.js';
import {
  Adjustment,
  Issue,
  Receipt,
  Reversal,
  StockCount,
  StockOperation,
  Transfer,
  Verification,
} from './schemas.js';

const tags = ['stock'];
const response = { 201: StockOperation, 409: Problem };
const headers = IdempotencyHeader;
const responseHeaders = { 201: ['idempotency-replayed'], 409: ['retry-after'] } as const;
const manager = { role: 'manager' } as const;
/** For as many lines as there may be, indented, and the notes. */
const bodyLimit = 128 * 1024;

/** Stock that comes, goes, moves and is counted. */
const stock: FastifyPluginAsync = async (instance) => {
  const app = instance.withTypeProvider<ZodTypes>();
  const { ledger, metrics } = app;

  function send(reply: FastifyReply, kind: Kind, { response, replayed, moved }: Posted): FastifyReply {
    metrics.movements.inc({ kind }, moved);
    if (replayed) reply.header('idempotency-replayed', 'true');
    return reply.code(201).json(response);
  }

  app.post(
    '/stock/receive',
    {
      config: manager,
      bodyLimit,
      schema: {
        tags,
        operationId: 'receiveStock',
        summary: 'Receive stock',
        headers,
        body: Receipt,
        response,
        responseHeaders,
      },
    },
    async (request, reply) => {
      const lines = request.body.lines.map(({ item_id, location_id, quantity }) => ({
        itemId: item_id,
        locationId: location_id,
        delta: quantity,
      }));
      return send(reply, 'receive', await ledger.post(operationOf(request, 'receive', request.body), lines));
    },
  );

  app.post(
    '/stock/issue',
    {
      config: manager,
      bodyLimit,
      schema: {
        tags,
        operationId: 'issueStock',
        summary: 'Issue stock',
        description: 'All lines or none; never more than is on hand and not reserved.',
        headers,
        body: Issue,
        response,
        responseHeaders,
      },
    },
    async (request, reply) => {
      const lines = request.body.lines.map(({ item_id, location_id, quantity }) => ({
        itemId: item_id,
        locationId: location_id,
        delta: -quantity,
      }));
      return send(reply, 'issue', await ledger.post(operationOf(request, 'issue', request.body), lines));
    },
  );

  app.post(
    '/stock/adjust',
    {
      config: manager,
      bodyLimit,
      schema: {
        tags,
        operationId: 'adjustStock',
        summary: 'Correct stock by a difference, with the reason',
        headers,
        body: Adjustment,
        response,
        responseHeaders,
      },
    },
    async (request, reply) => {
      const lines = request.body.lines.map(({ item_id, location_id, delta }) => ({
        itemId: item_id,
        locationId: location_id,
        delta,
      }));
      return send(reply, 'adjust', await ledger.post(operationOf(request, 'adjust', request.body), lines));
    },
  );

  app.post(
    '/stock/count',
    {
      config: manager,
      bodyLimit,
      schema: {
        tags,
        operationId: 'countStock',
        summary: 'Set stock to what was counted',
        description: 'What was right stays without a movement.',
        headers,
        body: StockCount,
        response,
        responseHeaders,
      },
    },
    async (request, reply) => {
      const counts = request.body.lines.map(({ item_id, location_id, counted }) => ({
        itemId: item_id,
        locationId: location_id,
        counted,
      }));
      return send(reply, 'count', await ledger.count(operationOf(request, 'count', request.body), counts));
    },
  );

  app.post(
    '/stock/transfer',
    {
      config: manager,
      schema: {
        tags,
        operationId: 'transferStock',
        summary: 'Move stock between locations',
        headers,
        body: Transfer,
        response,
        responseHeaders,
      },
    },
    async (request, reply) => {
      const lines = request.body.lines.flatMap(({ item_id, from_location_id, to_location_id, quantity }) => [
        { itemId: item_id, locationId: from_location_id, delta: -quantity },
        { itemId: item_id, locationId: to_location_id, delta: quantity },
      ]);
      return send(
        reply,
        'transfer',
        await ledger.post(operationOf(request, 'transfer', request.body), lines),
      );
    },
  );

  app.post(
    '/movements/:group/reverse',
    {
      config: manager,
      schema: {
        tags,
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
      return send(reply, 'reversal', await ledger.reverse(operation, request.params.group));
    },
  );

  app.get(
    '/stock/verify',
    {
      config: manager,
      schema: {
        tags,
        operationId: 'verifyStock',
        summary: 'Hold the ledger against the levels',
        description:
          'Whether what is on hand is the sum of its movements, and each balance follows from the one before.',
        response: { 200: Verification },
      },
    },
    async (_request, reply) => reply.json(await app.repositories.reports.verification()),
  );
};

export default stock;

/** The operation that a request asks for, apart from its lines. */
function operationOf(
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
