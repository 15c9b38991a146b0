import helmet from '@fastify/helmet';
import fp from 'fastify-plugin';

/** An API's answers are not pages: nothing in them may load or run. The documentation loosens that for itself. */
export default fp(async (app) => {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
    },
    // TLS ends in front of the API, where this header belongs.
    strictTransportSecurity: false,
  });
});
