import fp from 'fastify-plugin';

/**
 * Tells the client of a request that finishes while the API stops to close its connection. Node closes only those
 * that are idle when the stop begins, and would wait for this one.
 */
export default fp(
  async (app) => {
    let closing = false;
    app.addHook('preClose', async () => {
      closing = true;
    });
    app.addHook('onSend', (_request, reply, payload, done) => {
      if (closing) reply.header('connection', 'close');
      done(null, payload);
    });
  },
  { name: 'closing' },
);
