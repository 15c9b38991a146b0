import type { PublishedPort, ServiceStatus } from './service-status.js';

/**
 * Where a browser or curl of this machine reaches the service: its first published TCP port, unless that is a
 * PostgreSQL's, which speaks no HTTP. Nowhere, where another machine publishes it for itself alone.
 */
export function serviceUrl(status: ServiceStatus): string | undefined {
  const port = webPort(status);
  if (!port || (status.machine && isLoopback(port.host))) return undefined;
  const everywhere = ['0.0.0.0', '::', '127.0.0.1'].includes(port.host);
  const host = everywhere ? (status.machine?.name ?? '127.0.0.1') : port.host;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port.published}`;
}

/** The port that {@link serviceUrl} is about. */
export function webPort({ state, ports }: ServiceStatus): PublishedPort | undefined {
  if (state !== 'running') return undefined;
  return ports.find(({ protocol, target }) => protocol === 'tcp' && target !== 5432);
}

/** What makes a port that another machine publishes for itself alone one of this machine, for a person to type. */
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
