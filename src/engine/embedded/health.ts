import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { hasErrorCode } from '../../errors.js';
import type { ComposeService } from '../../project/model.js';
import { redact } from '../../system/secret.js';
import type { HttpProbe, ServerRecord } from './state.js';

const TIMEOUT_MS = 3_000;
const OUTPUT_CHARS = 400;
/** SQLSTATE of a server that starts up, shuts down or recovers: cannot_connect_now. */
const CANNOT_CONNECT_NOW = '57P03';

export interface ProbeResult {
  /** `none`: there is nothing to ask. */
  health: 'none' | 'passing' | 'failing';
  output?: string;
}

/** Whether the server accepts connections, as pg_isready tells it: an answer that refuses us is one as well. */
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
  // A server that goes down while we are connected tells us so out of turn.
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
 * What the server itself says in the eighth line of its lock file, by which pg_ctl waits for it as well. Asking by
 * a connection before that leaves a FATAL in its log.
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

/** Asks a service's health endpoint: 200 passes. */
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
 * The endpoint that tells a Node service's health: the path of the URL that its health check asks itself, else
 * `/health`. Nothing for a service that listens nowhere or has its check turned off.
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
