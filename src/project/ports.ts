import { isIP } from 'node:net';
import { invalidProject } from './invalid.js';
import type { Position } from './tree.js';

export interface ShortPort {
  hostIp?: string;
  /** A port, or a range from which the engine chooses one. */
  published?: string;
  target: number;
  protocol: string;
}

/**
 * Parses a port's short form, `[[IP:]HOST:]CONTAINER[/PROTOCOL]`, ranges included: one entry for each
 * container port, in Compose's order (by text).
 * @throws UserError COMPOSE_INVALID
 */
export function parsePort(text: string, at: Position): ShortPort[] {
  const refuse = (reason: string) =>
    invalidProject(
      'COMPOSE_INVALID',
      `invalid port \`${text}\`: ${reason}`,
      at,
      'write [[IP:]HOST:]CONTAINER[/PROTOCOL]',
    );
  const parts = text.split(':');
  const container = parts.at(-1) as string;
  const host = parts.length > 1 ? (parts.at(-2) as string) : '';
  const hostIp = hostAddress(parts.slice(0, -2).join(':'));
  if (hostIp === undefined) throw refuse('the IP address is invalid');

  const [range, protocolText] = container.split('/') as [string, string | undefined];
  if (range === '') throw refuse('no container port is given');
  const protocol = (protocolText || 'tcp').toLowerCase();
  if (!['tcp', 'udp', 'sctp'].includes(protocol)) throw refuse(`the protocol ${protocol} is unknown`);
  const targets = portRange(range);
  if (!targets) throw refuse('the container port is invalid');
  const published = host === '' ? undefined : portRange(host);
  if (host !== '' && !published) throw refuse('the host port is invalid');

  const [first, last] = targets;
  const width = last - first;
  if (published && published[1] - published[0] !== width && width > 0) {
    throw refuse('the ranges of host and container ports differ in length');
  }
  const ports = Array.from({ length: width + 1 }, (_, index): ShortPort => {
    const from = published && published[0] + index;
    const spread = published && width === 0 && published[0] !== published[1];
    return {
      ...(hostIp ? { hostIp } : {}),
      ...(from === undefined ? {} : { published: spread ? `${from}-${published[1]}` : String(from) }),
      target: first + index,
      protocol,
    };
  });
  return ports.sort((a, b) => (String(a.target) < String(b.target) ? -1 : 1));
}

/** Returns an address without its brackets, empty for none, undefined for an invalid one. */
function hostAddress(text: string): string | undefined {
  const address = /^\[(.*)\]$/.exec(text)?.[1] ?? (text.includes(':') ? undefined : text);
  return address === '' || (address !== undefined && isIP(address)) ? address : undefined;
}

function portRange(text: string): [number, number] | undefined {
  const [first, last = first] = text.split('-').map(portNumber);
  if (first === undefined || last === undefined || last < first) return undefined;
  return [first, last];
}

function portNumber(text: string): number | undefined {
  const port = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return port <= 65535 ? port : undefined;
}
