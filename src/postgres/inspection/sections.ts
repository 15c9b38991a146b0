import type { Section } from './section.js';
import { archiving } from './sections/archiving.js';
import { bloat } from './sections/bloat.js';
import { cache } from './sections/cache.js';
import { checkpoints } from './sections/checkpoints.js';
import { checksums } from './sections/checksums.js';
import { collations } from './sections/collations.js';
import { connections } from './sections/connections.js';
import { databases } from './sections/databases.js';
import { foreignKeys } from './sections/foreign-keys.js';
import { indexes } from './sections/indexes.js';
import { locks } from './sections/locks.js';
import { prepared } from './sections/prepared.js';
import { queries } from './sections/queries.js';
import { sequences } from './sections/sequences.js';
import { settings } from './sections/settings.js';
import { slots } from './sections/slots.js';
import { statements } from './sections/statements.js';
import { tables } from './sections/tables.js';
import { transactionIds } from './sections/transaction-ids.js';
import { transactions } from './sections/transactions.js';
import { vacuum } from './sections/vacuum.js';

/** All sections, in the order of `invctl db inspect`. */
export const SECTIONS: readonly Section[] = [
  databases,
  connections,
  queries,
  transactions,
  locks,
  tables,
  indexes,
  foreignKeys,
  bloat,
  cache,
  statements,
  vacuum,
  transactionIds,
  sequences,
  prepared,
  slots,
  archiving,
  checkpoints,
  collations,
  checksums,
  settings,
] as readonly Section[];
