import type { StackHealth, StackPort, StackService } from './stack.js';
import { machineAddress } from './views/nodes.js';

/** Ports of programs that do not speak HTTP. */
const NOT_HTTP = new Set([
  '22',
  '25',
  '53',
  '389',
  '443',
  '1883',
  '3306',
  '5432',
  '5672',
  '6379',
  '9042',
  '11211',
  '27017',
]);

/** Returns the addresses at which the machine reaches a service: URLs if a browser can open them. */
export function urlsOf({ ports, networkMode, kind }: StackService): string[] {
  if (networkMode === 'host') return [];
  return ports.map((port) => {
    const address = machineAddress(port);
    const isHttp =
      port.protocol === 'tcp' && /^\d+$/.test(port.published ?? '') && !NOT_HTTP.has(port.target);
    if (!isHttp || kind === 'PostgreSQL') return port.target === '443' ? httpsUrl(port) : address;
    return `http://${hostOf(port)}:${port.published}`;
  });
}

function httpsUrl(port: StackPort): string {
  return /^\d+$/.test(port.published ?? '')
    ? `https://${hostOf(port)}:${port.published}`
    : machineAddress(port);
}

function hostOf({ host }: StackPort): string {
  if (host === undefined || host === '0.0.0.0' || host === '127.0.0.1') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

/** Returns volumes and folders that a service writes to. */
export function volumesOf({ mounts }: StackService): string[] {
  const sources = mounts.flatMap(({ type, source, readOnly }) =>
    (type === 'volume' || type === 'bind') && !readOnly && source !== undefined ? [source] : [],
  );
  return [...new Set(sources)];
}

/** Docker's defaults of a health check: https://docs.docker.com/reference/dockerfile/#healthcheck */
export const HEALTH_DEFAULTS = { intervalMs: 30_000, timeoutMs: 30_000, retries: 3 } as const;

/** How long a service may fail its check before it counts as unhealthy, in milliseconds. */
export function patienceMs({ intervalMs, retries }: StackHealth): number {
  return (intervalMs ?? HEALTH_DEFAULTS.intervalMs) * (retries ?? HEALTH_DEFAULTS.retries);
}
