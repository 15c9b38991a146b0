import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { hasErrorCode } from '../../errors.js';
import type { ComposeService } from '../../project/model.js';
import { redact } from '../../system/secret.js';
import type { HttpProbe, ServerRecord } from './state.js';

const TIMEOUT_MS = 3_000;
const OUTPUT_CHARS = 400;
/** SQLSTATE of a server that starts, shuts down or recovers: cannot_connect_now. */
const CANNOT_CONNECT_NOW = '57P03';

export interface ProbeResult {
  /** `none`: the service has no health check. */
  health: 'none' | 'passing' | 'failing';
  output?: string;
}

/**
 * Whether the server accepts connections, by the rule of pg_isready: an answer that refuses us counts too.
 */
export async function probePostgres(server: ServerRecord, port: number): Promise<ProbeResult> {
  if (!acceptsConnections(server.dataFolder))
    return { health: 'failing', output: 'the server is starting up' };
  const { Client } = (await import('pg')).default;
  const client = new Client({
    host: server.socketFolder,
    port,
    user: server.superuser,
    database: 'postgres',
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
  });
  // A server that shuts down during the connection sends this message on its own.
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('SELECT 1');
    return { health: 'passing', output: 'accepting connections' };
  } catch (error) {
    const sqlState = error instanceof Error && 'code' in error ? String(error.code) : '';
    const answered = /^[0-9A-Z]{5}$/.test(sqlState) && sqlState !== CANNOT_CONNECT_NOW;
    return answered
      ? { health: 'passing', output: 'accepting connections' }
      : { health: 'failing', output: error instanceof Error ? error.message : String(error) };
  } finally {
    await client.end().catch(() => {});
  }
}

/**
 * Reads the server's status from the eighth line of its lock file, as pg_ctl does. A connection before the
 * server is ready would leave a FATAL line in its log.
 */
function acceptsConnections(dataFolder: string): boolean {
  try {
    const lines = readFileSync(join(dataFolder, 'postmaster.pid'), 'utf8').split('\n');
    return /^(ready|standby)\b/.test(lines[7] ?? '');
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Requests a service's health endpoint; status 200 passes. */
export async function probeHttp(probe: HttpProbe): Promise<ProbeResult> {
  try {
    const { status, body } = await request(`http://127.0.0.1:${probe.port}${probe.path}`);
    if (status === 404 && !probe.declared) return { health: 'none' };
    const output = redact(`${status} ${body}`.slice(0, OUTPUT_CHARS).trim());
    return { health: status === 200 ? 'passing' : 'failing', output };
  } catch (error) {
    if (hasErrorCode(error, 'ECONNREFUSED')) {
      return { health: 'failing', output: `nothing listens on 127.0.0.1:${probe.port} yet` };
    }
    return { health: 'failing', output: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * Returns the health endpoint of a Node service: the path of the URL in its health check, otherwise
 * `/health`. Undefined for a service that listens on no port or has its check turned off.
 */
export function httpProbe(service: ComposeService, port: number | undefined): HttpProbe | undefined {
  if (port === undefined || service.healthcheck?.disabled) return undefined;
  const url = /https?:\/\/(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::[^/\s'"`]*)?(\/[^\s'"`)]*)?/.exec(
    service.healthcheck?.test?.join(' ') ?? '',
  );
  if (!url) return { port, path: '/health', declared: false };
  return { port, path: url[1] ?? '/', declared: true };
}

function request(url: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const question = get(url, { agent: false, signal: AbortSignal.timeout(TIMEOUT_MS) }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        if (body.length < OUTPUT_CHARS) body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', reject);
    });
    question.on('error', reject);
  });
}
