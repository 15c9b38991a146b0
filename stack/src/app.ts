import { randomUUID } from 'node:crypto';
import Fastify, { type FastifyInstance, type FastifyServerOptions, LogController } from 'fastify';
import authentication from './plugins/app/authentication.js';
import closing from './plugins/app/closing.js';
import database from './plugins/app/database.js';
import housekeeping from './plugins/app/housekeeping.js';
import jsonReply from './plugins/app/json-reply.js';
import metrics from './plugins/app/metrics.js';
import problems, { answerError } from './plugins/app/problems.js';
import requestLog from './plugins/app/request-log.js';
import validation from './plugins/app/validation.js';
import webhookRelay from './plugins/app/webhook-relay.js';
import cors from './plugins/external/cors.js';
import openapi from './plugins/external/openapi.js';
import rateLimit from './plugins/external/rate-limit.js';
import securityHeaders from './plugins/external/security-headers.js';
import apiKeys from './routes/api-keys/api-keys.js';
import audit from './routes/audit/audit.js';
import auth from './routes/auth/auth.js';
import categories from './routes/categories/categories.js';
import health from './routes/health/health.js';
import imports from './routes/imports/imports.js';
import items from './routes/items/items.js';
import locations from './routes/locations/locations.js';
import metricsRoute from './routes/metrics/metrics.js';
import movements from './routes/movements/movements.js';
import reports from './routes/reports/reports.js';
import countFiles from './routes/stock/count-files.js';
import stock from './routes/stock/stock.js';
import suppliers from './routes/suppliers/suppliers.js';
import users from './routes/users/users.js';
import web from './routes/web/web.js';
import webhooks from './routes/webhooks/webhooks.js';
import type { Settings } from './settings/declarations.js';

/** For one thing with its texts, each character written as an escape. Routes that take many say so. */
const BODY_LIMIT_BYTES = 16 * 1024;
/** As long as the container's health check lets it start (Dockerfile); a machine under load needs it. */
export const START_PERIOD_MS = 60_000;
/** For a whole request to arrive, an import's file included. */
const REQUEST_TIMEOUT_MS = 120_000;

const RESOURCES = [
  auth,
  users,
  apiKeys,
  items,
  categories,
  suppliers,
  locations,
  stock,
  countFiles,
  movements,
  imports,
  reports,
  webhooks,
  audit,
];

declare module 'fastify' {
  interface FastifyInstance {
    settings: Settings;
    /** The last migration that was applied. */
    schemaVersion: number;
  }
}

export interface AppOptions {
  readonly settings: Settings;
  /** The last migration that was applied; the schema has to be there. */
  readonly schemaVersion: number;
  readonly logger?: FastifyServerOptions['loggerInstance'];
}

/** The whole API, not yet listening. Everything of it ends with `close()`. */
export async function build({ settings, schemaVersion, logger }: AppOptions): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify({
    ...(logger ? { loggerInstance: logger } : { logger: false }),
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    pluginTimeout: START_PERIOD_MS,
    frameworkErrors: answerError,
    trustProxy: settings.trustedProxies.length > 0 ? [...settings.trustedProxies] : false,
    genReqId: ({ headers }) => {
      const given = headers['x-request-id'];
      return typeof given === 'string' && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
    },
  });
  app.decorate('settings', settings);
  app.decorate('schemaVersion', schemaVersion);

  await app.register(requestLog);
  await app.register(closing);
  await app.register(securityHeaders);
  await app.register(cors);
  await app.register(validation);
  await app.register(jsonReply);
  await app.register(database);
  await app.register(housekeeping);
  await app.register(metrics);
  await app.register(webhookRelay);
  await app.register(authentication);
  await app.register(rateLimit);
  await app.register(problems);
  await app.register(openapi);

  await app.register(health);
  await app.register(metricsRoute);
  await app.register(web);
  await app.register(
    async (api) => {
      for (const routes of RESOURCES) await api.register(routes);
    },
    { prefix: '/api/v1' },
  );
  return app;
}
