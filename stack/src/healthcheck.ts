// The container's HEALTHCHECK: exits 0 when /health of this container's API answers 200, else 1. It runs beside the API's
// start, on the same CPU: loading node:http would take twice the time of all the rest.
import { connect } from 'node:net';

const TIMEOUT_MS = 4000;
const OK = /^HTTP\/1\.1 200 /;

const socket = connect({ host: '127.0.0.1', port: Number(process.env.PORT ?? 5003) });
let answer = '';
socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
socket.on('data', (chunk) => {
  answer += chunk.toString('latin1');
});
socket.on('end', () => process.exit(OK.test(answer) ? 0 : 1));
socket.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
socket.write('GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
