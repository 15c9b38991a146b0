import { connect } from 'node:net';
import { UserError } from '../errors.js';

/**
 * A GET over HTTP on a unix socket, its answer parsed as JSON. HTTP/1.0 with nothing to negotiate: the answer comes
 * whole and the server closes. `node:http` costs 10 ms more at its first request, which `ps` does not have.
 *
 * @param timeoutMs until the answer is complete
 * @throws the socket's error (ENOENT, EACCES, ECONNREFUSED), UserError TIMEOUT, or SOCKET_ANSWER on another status
 *   than 200
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
