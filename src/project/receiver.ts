import type { ComposeService } from './model.js';

/** Suffix of the receiver's service name of `db protect`, after the name of the database's service. */
const SUFFIX = '-protect';
/** Path of the protection's place in the container. */
export const PLACE_IN_CONTAINER = '/protection';
/** Role with which the receiver logs in. */
export const PROTECT_ROLE = 'invctl_protect';

export function receiverName(database: Pick<ComposeService, 'name'>): string {
  return `${database.name}${SUFFIX}`;
}

/**
 * Returns the protection's place on this machine for a receiver's service; undefined for any other service.
 */
export function receiverPlace({ environment, mounts }: ComposeService): string | undefined {
  if (environment.PGUSER !== PROTECT_ROLE) return undefined;
  return mounts.find(({ target }) => target === PLACE_IN_CONTAINER)?.source;
}

/** Returns the name of the database's service for a receiver's service. */
export function receivedFrom({ name }: Pick<ComposeService, 'name'>): string {
  return name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : name;
}
