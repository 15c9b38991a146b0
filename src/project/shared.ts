import type { ComposeProject } from './model.js';

/** Something that two projects would both use if they were on one machine. */
export interface SharedThing {
  kind: 'port' | 'volume' | 'folder' | 'network' | 'container' | 'secret';
  /** The engine's or machine's name for it: `127.0.0.1:5003/tcp`, a volume's name, a path. */
  name: string;
}

/**
 * Returns what two projects both use although each needs its own. External resources are left out: they are
 * meant to be shared.
 */
export function sharedThings(one: ComposeProject, other: ComposeProject): SharedThing[] {
  const theirs = new Set(thingsOf(other).map(identity));
  return [...new Map(thingsOf(one).map((thing) => [identity(thing), thing])).values()].filter((thing) =>
    theirs.has(identity(thing)),
  );
}

function identity({ kind, name }: SharedThing): string {
  return `${kind} ${name}`;
}

function thingsOf({ services, volumes, networks, secrets }: ComposeProject): SharedThing[] {
  const own = (resources: Record<string, { name: string; external: boolean }>, kind: 'volume' | 'network') =>
    Object.values(resources).flatMap(({ name, external }) => (external ? [] : [{ kind, name }]));
  return [
    ...Object.values(services).flatMap(({ ports, mounts, containerName }): SharedThing[] => [
      ...ports.flatMap(({ published, hostIp, protocol }): SharedThing[] =>
        published === undefined
          ? []
          : [{ kind: 'port', name: `${hostIp ?? '0.0.0.0'}:${published}/${protocol}` }],
      ),
      ...mounts.flatMap(({ type, source, readOnly }): SharedThing[] =>
        type === 'bind' && source !== undefined && !readOnly ? [{ kind: 'folder', name: source }] : [],
      ),
      ...(containerName === undefined ? [] : [{ kind: 'container' as const, name: containerName }]),
    ]),
    ...own(volumes, 'volume'),
    ...own(networks, 'network'),
    ...Object.values(secrets).flatMap(({ file }): SharedThing[] =>
      file === undefined ? [] : [{ kind: 'secret', name: file }],
    ),
  ];
}
