/** Longest name of a service, with that of its stack. */
const LONGEST = 63;

/**
 * Returns a name that Swarm takes for a service, in place of one that it refuses; undefined: it takes the name.
 * Source: swarmkit, `manager/controlapi/common.go`.
 */
export function nameInSwarm(stack: string, service: string): string | undefined {
  const room = LONGEST - stack.length - 1;
  if (/^[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*$/.test(service) && service.length <= room) return undefined;
  return service
    .replaceAll('.', '-')
    .slice(0, room)
    .replace(/^[-_]+|[-_]+$/g, '');
}
