import fp from 'fastify-plugin';

/** One line for each request, when it has been answered. */
export default fp(
  async (app) => {
    app.addHook('onRequest', (request, reply, done) => {
      reply.header('x-request-id', request.id);
      done();
    });
    app.addHook('onResponse', (request, reply, done) => {
      request.log.info(
        {
          method: request.method,
          // The path alone: a query may hold what somebody searched for.
          path: request.url.split('?', 1)[0],
          route: request.routeOptions.url,
          status: reply.statusCode,
          ms: Math.round(reply.elapsedTime * 100) / 100,
          user: request.principal?.id,
        },
        'request completed',
      );
      done();
    });
  },
  { name: 'request-log' },
);
