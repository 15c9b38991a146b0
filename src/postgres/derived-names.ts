import { timeId } from '../system/time-id.js';
import type { Database } from './database.js';

/** PostgreSQL cuts longer identifiers. In bytes. */
const IDENTIFIER_BYTES = 63;

/** Returns a name such as `shop_before_20261123t005853z`, cut as PostgreSQL would cut it. */
export function derivedName(database: string, purpose: 'restore' | 'verify' | 'before', id: string): string {
  return `${derivedPrefix(database, purpose, id.length)}${id.toLowerCase()}`;
}

function derivedPrefix(database: string, purpose: string, idLength: number): string {
  const suffix = `_${purpose}_`;
  let base = database;
  while (Buffer.byteLength(base) + suffix.length + idLength > IDENTIFIER_BYTES) base = base.slice(0, -1);
  return base + suffix;
}

/** Prefix of the names of previous databases, which restores keep. */
export function beforePrefix(database: Database): string {
  return derivedPrefix(database.name, 'before', timeId(new Date(0)).length);
}

/** The `application_name` that identifies the server's sessions of a restore. */
export function loadApplicationName(id: string): string {
  return `invctl-restore-${id}`;
}
