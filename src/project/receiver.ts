import type { ComposeService } from './model.js';

/** What the database's service is called with, as the receiver's of `db protect`. */
const SUFFIX = '-protect';
/** Where the service has the protection's place. */
export const PLACE_IN_CONTAINER = '/protection';
/** Role that the receiver logs in as. */
export const PROTECT_ROLE = 'invctl_protect';

export function receiverName(database: Pick<ComposeService, 'name'>): string {
  return `${database.name}${SUFFIX}`;
}

/** The protection's place on this machine, of a service that is a receiver; undefined: it is none. */
export function receiverPlace({ environment, mounts }: ComposeService): string | undefined {
  if (environment.PGUSER !== PROTECT_ROLE) return undefined;
  return mounts.find(({ target }) => target === PLACE_IN_CONTAINER)?.source;
}

/** The database's service, of a receiver's. */
export function receivedFrom({ name }: Pick<ComposeService, 'name'>): string {
  return name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : name;
}
