import rateLimit, { normalizeIP } from '@fastify/rate-limit';
import fp from 'fastify-plugin';
import { Problem } from '../../problem.js';

/**
 * So many requests a minute for each user, or for each address where nobody has logged in. Counted in this
 * process alone: three replicas allow three times as many.
 */
export default fp(
  async (app) => {
    await app.register(rateLimit, {
      max: app.settings.rateLimit,
      timeWindow: 60_000,
      cache: 10_000,
      keyGenerator: (request) =>
        request.principal ? `user ${request.principal.id}` : normalizeIP(request.ip, 64),
      errorResponseBuilder: (_request, { after }) =>
        new Problem(429, 'rate_limited', `Too many requests: try again in ${after}.`),
    });
  },
  { name: 'rate-limit' },
);
