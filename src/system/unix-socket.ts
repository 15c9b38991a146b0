import { connect } from 'node:net';
import { UserError } from '../errors.js';

/**
 * Sends a GET over HTTP on a unix socket and parses the answer as JSON. It uses HTTP/1.0, so nothing is
 * negotiated: the answer comes whole and the server closes. `node:http` takes 10 ms more for its first
 * request, which is too long for `ps`.
 * @param timeoutMs until the answer is complete
 * @throws the socket's error (ENOENT, EACCES, ECONNREFUSED), UserError TIMEOUT, or SOCKET_ANSWER on another
 * status than 200
 */
export async function getJson(socketPath: string, path: string, timeoutMs: number): Promise<unknown> {
  const answer = await new Promise<string>((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(socketPath);
    socket.setTimeout(timeoutMs, () => {
      const message = `no answer on ${socketPath} within ${timeoutMs / 1000} s`;
      socket.destroy(
        new UserError({ code: 'TIMEOUT', message, hint: 'the machine may be busy: try it again' }),
      );
    });
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    socket.write(`GET ${path} HTTP/1.0\r\nHost: localhost\r\n\r\n`);
  });
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1]);
  const body = answer.slice(answer.indexOf('\r\n\r\n') + 4);
  if (status === 200) return JSON.parse(body);
  throw new UserError({ code: 'SOCKET_ANSWER', message: `${status} ${body}` });
}
