import type { StackPort } from '../../architecture/stack.js';
import type { ComposePort } from '../../project/model.js';

/** The published ports of a service; consecutive ports become one range. */
export function portsOf(ports: readonly ComposePort[]): StackPort[] {
  const ranges: { first: ComposePort; last: ComposePort }[] = [];
  for (const port of [...ports].sort(byTarget)) {
    const range = ranges.at(-1);
    if (range && follows(range.last, port)) range.last = port;
    else ranges.push({ first: port, last: port });
  }
  return ranges.map(({ first, last }) => ({
    ...(first.hostIp === undefined ? {} : { host: first.hostIp }),
    ...(first.published === undefined ? {} : { published: span(first.published, last.published) }),
    target: span(first.target, last.target),
    protocol: first.protocol,
  }));
}

function byTarget(a: ComposePort, b: ComposePort): number {
  return (
    a.protocol.localeCompare(b.protocol) ||
    (a.hostIp ?? '').localeCompare(b.hostIp ?? '') ||
    a.target - b.target ||
    (a.published ?? 0) - (b.published ?? 0)
  );
}

function follows(last: ComposePort, next: ComposePort): boolean {
  return (
    last.published !== undefined &&
    next.published === last.published + 1 &&
    next.target === last.target + 1 &&
    next.protocol === last.protocol &&
    next.hostIp === last.hostIp
  );
}

function span(first: number, last: number | undefined): string {
  return last === undefined || last === first ? String(first) : `${first}-${last}`;
}
