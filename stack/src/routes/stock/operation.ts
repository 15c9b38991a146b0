import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Kind, Operation, Posted } from '../../ledger/ledger.js';
import { IdempotencyHeader, Problem } from '../schemas.js';
import { StockOperation } from './schemas.js';

// What the routes that move stock have in common.

export const headers = IdempotencyHeader;
export const response = { 201: StockOperation, 409: Problem };
export const responseHeaders = { 201: ['idempotency-replayed'], 409: ['retry-after'] } as const;

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

/** Sends the answer of an operation, and counts its movements. */
export function sendPosted(
  reply: FastifyReply,
  kind: Kind,
  { response, replayed, moved }: Posted,
): FastifyReply {
  reply.server.metrics.movements.inc({ kind }, moved);
  if (replayed) reply.header('idempotency-replayed', 'true');
  return reply.code(201).json(response);
}

function fingerprintOf({ method, url, body }: FastifyRequest): Buffer {
  return createHash('sha256')
    .update(`${method} ${url}\n${JSON.stringify(body)}`)
    .digest();
}
