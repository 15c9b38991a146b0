import { request } from 'node:http';
import { UserError } from '../errors.js';

/**
 * A GET over HTTP on a unix socket, its answer parsed as JSON.
 *
 * @param timeoutMs until the answer is complete
 * @throws the socket's error (ENOENT, EACCES, ECONNREFUSED), or UserError SOCKET_ANSWER on another status than 200
 */
export async function getJson(socketPath: string, path: string, timeoutMs: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = request(
      { socketPath, path, headers: { host: 'localhost' }, signal: AbortSignal.timeout(timeoutMs) },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          if (answer.statusCode === 200) resolve(JSON.parse(text));
          else reject(new UserError({ code: 'SOCKET_ANSWER', message: `${answer.statusCode} ${text}` }));
        });
      },
    );
    call.on('error', reject);
    call.end();
  });
}
