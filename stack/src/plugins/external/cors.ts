import cors from '@fastify/cors';
import fp from 'fastify-plugin';
import { RESPONSE_HEADERS } from './response-headers.js';

/** For so long may a browser remember what it was allowed, in seconds. */
const REMEMBERED_SECONDS = 600;

/** Lets pages of other origins use the API, where the settings name them. Cookies have no part in it: there are none. */
export default fp(
  async (app) => {
    const { corsOrigins } = app.settings;
    if (corsOrigins.length === 0) return;
    await app.register(cors, {
      origin: corsOrigins.includes('*') ? '*' : [...corsOrigins],
      methods: ['GET', 'POST', 'PATCH', 'DELETE'],
      allowedHeaders: [
        'authorization',
        'content-type',
        'idempotency-key',
        'if-match',
        'if-none-match',
        'x-request-id',
      ],
      exposedHeaders: Object.keys(RESPONSE_HEADERS),
      maxAge: REMEMBERED_SECONDS,
      strictPreflight: false,
    });
  },
  { name: 'cors' },
);
