import type { ServiceStatus } from './service-status.js';

/**
 * Where a browser or curl of this machine reaches the service: its first published TCP port, unless that is a
 * PostgreSQL's, which speaks no HTTP.
 */
export function serviceUrl(status: ServiceStatus): string | undefined {
  const port = status.ports.find(({ protocol, target }) => protocol === 'tcp' && target !== 5432);
  if (!port || status.state !== 'running') return undefined;
  const host = ['0.0.0.0', '::', '127.0.0.1'].includes(port.host) ? '127.0.0.1' : port.host;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port.published}`;
}
