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

/** The machine's side of each published port of a service, by the port; with host networking `ports` means nothing. */
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

/** Where a service's program comes from: `postgres:16`, `built from stack`. */
function originOf({ image, build }: StackService): string {
  if (!build) return image ?? 'no image';
  return build.context === '.' ? 'built from this folder' : `built from ${build.context}`;
}

/** `127.0.0.1:8080`, `[::1]:7000`, `*:8080` for every address. */
export function machineAddress({ host, published, protocol }: StackPort): string {
  const suffix = protocol === 'tcp' ? '' : `/${protocol}`;
  if (published === undefined) return `a free port${suffix}`;
  if (host === undefined || host === '0.0.0.0') return `*:${published}${suffix}`;
  return `${host.includes(':') ? `[${host}]` : host}:${published}${suffix}`;
}

/** Condition of `depends_on` in words. */
export function conditionText(condition: string): string {
  if (condition === 'service_healthy') return 'once healthy';
  return condition === 'service_completed_successfully' ? 'once it has ended well' : 'once started';
}
