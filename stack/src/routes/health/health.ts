import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { DatabaseUnavailableError } from '../../database/connection.js';
import { VERSION } from '../../package.js';

const PING_TIMEOUT_MS = 2000;

const tags = ['health'];

const Health = z
  .object({
    status: z.enum(['ok', 'unavailable']),
    version: z.string(),
    environment: z.string(),
    uptime_s: z.number(),
    migration: z.int().meta({ description: 'Version of the database schema.' }),
    database: z.object({
      status: z.enum(['ok', 'unavailable']),
      latency_ms: z.number().nullable(),
    }),
  })
  .meta({ id: 'Health' });

const Live = z.object({ status: z.literal('ok') }).meta({ id: 'Live' });

/** For whoever watches the API: no token, no rate limit. */
const health: FastifyPluginAsync = async (app) => {
  const config = { rateLimit: false } as const;

  app.get(
    '/health',
    {
      config,
      logLevel: 'warn',
      schema: {
        tags,
        operationId: 'getHealth',
        summary: 'Whether the API can serve requests',
        response: { 200: Health, 503: Health },
      },
    },
    async (request, reply) => {
      let latency: number | null = null;
      try {
        latency = await app.database.ping(PING_TIMEOUT_MS);
      } catch (error) {
        if (!(error instanceof DatabaseUnavailableError)) throw error;
        request.log.warn({ err: error }, 'the database does not answer');
      }
      const status = latency === null ? 'unavailable' : 'ok';
      return reply
        .code(latency === null ? 503 : 200)
        .header('cache-control', 'no-store')
        .send({
          status,
          version: VERSION,
          environment: app.settings.environment,
          uptime_s: Math.round(process.uptime()),
          migration: app.schemaVersion,
          database: { status, latency_ms: latency === null ? null : Math.round(latency * 100) / 100 },
        });
    },
  );

  app.get(
    '/health/live',
    {
      config,
      logLevel: 'warn',
      schema: {
        tags,
        operationId: 'getLiveness',
        summary: 'Whether the process answers at all',
        response: { 200: Live },
      },
    },
    async () => ({ status: 'ok' }),
  );
};

export default health;
