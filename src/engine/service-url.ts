import type { PublishedPort, ServiceStatus } from './service-status.js';

/**
 * Returns the URL of the service for a browser or curl on this machine: what its label says, or its first published
 * TCP port, unless it is a PostgreSQL's, which does not speak HTTP. Undefined if another machine publishes the port only on
 * its own loopback.
 */
export function serviceUrl(status: ServiceStatus): string | undefined {
  if (status.url !== undefined && status.state === 'running') return status.url;
  const port = webPort(status);
  if (!port || (status.machine && isLoopback(port.host))) return undefined;
  const everywhere = ['0.0.0.0', '::', '127.0.0.1'].includes(port.host);
  const host = everywhere ? (status.machine?.name ?? '127.0.0.1') : port.host;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port.published}`;
}

/** Returns the port of {@link serviceUrl}. */
export function webPort({ state, ports }: ServiceStatus): PublishedPort | undefined {
  if (state !== 'running') return undefined;
  return ports.find(({ protocol, target }) => protocol === 'tcp' && target !== 5432);
}

/**
 * Returns the command to type if another machine publishes the port only on its own loopback: it forwards the
 * port to this machine.
 */
export function forwardCommand(status: ServiceStatus): string | undefined {
  const port = webPort(status);
  if (!port || !status.machine || !isLoopback(port.host)) return undefined;
  const host = port.host.includes(':') ? `[${port.host}]` : port.host;
  const [ssh, ...words] = status.machine.ssh.split(' ');
  return [ssh, `-N -L ${port.published}:${host}:${port.published}`, ...words].join(' ');
}

function isLoopback(host: string): boolean {
  return /^127\.|^::1$/.test(host);
}
