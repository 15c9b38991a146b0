import type { FastifyPluginAsync } from 'fastify';
import { lineOf } from '../../ledger/lines.js';
import type { ZodTypes } from '../../plugins/app/validation.js';
import { headers, operationOf, response, responseHeaders, sendPosted } from './operation.js';
import { Adjustment, Issue, Receipt, StockCount, Transfer, Verification } from './schemas.js';

const tags = ['stock'];
const manager = { role: 'manager' } as const;
/** For as many lines as there may be, indented, and the notes. */
const bodyLimit = 128 * 1024;

/** Stock that comes, goes, moves and is counted. */
const stock: FastifyPluginAsync = async (instance) => {
  const app = instance.withTypeProvider<ZodTypes>();
  const { ledger } = app;

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
      const lines = request.body.lines.map(({ item_id, location_id, quantity }, index) =>
        lineOf(item_id, location_id, quantity, index),
      );
      return sendPosted(
        reply,
        'receive',
        await ledger.post(operationOf(request, 'receive', request.body), lines),
      );
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
        description: 'All lines or none; never more than is on hand.',
        headers,
        body: Issue,
        response,
        responseHeaders,
      },
    },
    async (request, reply) => {
      const lines = request.body.lines.map(({ item_id, location_id, quantity }, index) =>
        lineOf(item_id, location_id, -quantity, index),
      );
      return sendPosted(
        reply,
        'issue',
        await ledger.post(operationOf(request, 'issue', request.body), lines),
      );
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
      const lines = request.body.lines.map(({ item_id, location_id, delta }, index) =>
        lineOf(item_id, location_id, delta, index),
      );
      return sendPosted(
        reply,
        'adjust',
        await ledger.post(operationOf(request, 'adjust', request.body), lines),
      );
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
      const counts = request.body.lines.map(({ item_id, location_id, counted }, index) =>
        lineOf(item_id, location_id, counted, index),
      );
      return sendPosted(
        reply,
        'count',
        await ledger.count(operationOf(request, 'count', request.body), counts),
      );
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
      const lines = request.body.lines.flatMap(
        ({ item_id, from_location_id, to_location_id, quantity }, index) => [
          lineOf(item_id, from_location_id, -quantity, index),
          lineOf(item_id, to_location_id, quantity, index),
        ],
      );
      return sendPosted(
        reply,
        'transfer',
        await ledger.post(operationOf(request, 'transfer', request.body), lines),
      );
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
