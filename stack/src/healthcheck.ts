// The container's HEALTHCHECK: exits 0 when /health of this container's API answers 200, else 1.
import { get } from 'node:http';

const TIMEOUT_MS = 4000;

const request = get(
  { host: '127.0.0.1', port: process.env.PORT ?? 5003, path: '/health', timeout: TIMEOUT_MS, agent: false },
  (response) => {
    process.exit(response.statusCode === 200 ? 0 : 1);
  },
);
request.on('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
request.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
