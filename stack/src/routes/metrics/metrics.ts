import type { FastifyPluginAsync } from 'fastify';

/** For Prometheus. */
const metrics: FastifyPluginAsync = async (app) => {
  app.get(
    '/metrics',
    {
      config: { rateLimit: false },
      logLevel: 'warn',
      schema: {
        tags: ['health'],
        operationId: 'getMetrics',
        summary: 'Read metrics in Prometheus format',
        produces: ['text/plain'],
      },
    },
    async (_request, reply) =>
      reply.type(app.metrics.registry.contentType).send(await app.metrics.registry.metrics()),
  );
};

export default metrics;
