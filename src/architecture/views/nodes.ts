import type { GraphBuilder } from '../graph.js';
import type { Stack, StackPort, StackService } from '../stack.js';

export function serviceNode(builder: GraphBuilder, stack: Stack, name: string, group?: string): string {
  const service = stack.services.find((one) => one.name === name);
  return builder.node({
    id: `service:${name}`,
    kind: isDatabase(stack, service) ? 'database' : 'service',
    label: name,
    details: [service ? originOf(service) : 'hidden by its profile'],
    ...(group === undefined ? {} : { group }),
  });
}

/**
 * Adds a node of the machine for each published port of a service; with host networking `ports` has no
 * effect.
 */
export function portNodes(
  builder: GraphBuilder,
  { name, networkMode, ports }: StackService,
  group?: string,
): { id: string; target: string }[] {
  return (networkMode === 'host' ? [] : ports).map((port) => {
    const address = machineAddress(port);
    const id = builder.node({
      id: `port:${address}:${port.published === undefined ? name : ''}`,
      kind: 'machine',
      label: address,
      ...(group === undefined ? {} : { group }),
    });
    return { id, target: port.target };
  });
}

const DATABASES = ['PostgreSQL', 'MySQL', 'MongoDB'];

function isDatabase({ database }: Stack, service: StackService | undefined): boolean {
  return service !== undefined && (service.name === database || DATABASES.includes(service.kind ?? ''));
}

/** Returns the source of a service's program: `postgres:16`, `built from stack`. */
function originOf({ image, build }: StackService): string {
  if (!build) return image ?? 'no image';
  return build.context === '.' ? 'built from this folder' : `built from ${build.context}`;
}

/** Returns `127.0.0.1:8080`, `[::1]:7000`, or `*:8080` for every address. */
export function machineAddress({ host, published, protocol }: StackPort): string {
  const suffix = protocol === 'tcp' ? '' : `/${protocol}`;
  if (published === undefined) return `a free port${suffix}`;
  if (host === undefined || host === '0.0.0.0') return `*:${published}${suffix}`;
  return `${host.includes(':') ? `[${host}]` : host}:${published}${suffix}`;
}

/** Returns the condition of `depends_on` in words. */
export function conditionText(condition: string): string {
  if (condition === 'service_healthy') return 'once healthy';
  return condition === 'service_completed_successfully' ? 'once it has ended well' : 'once started';
}
