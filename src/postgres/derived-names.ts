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
  // A session says a name in UTF-8, which a server of another encoding stores otherwise; a program that connects
  // says its bytes. Both find a copy whose letters are the same in all encodings. A restore has to fail there:
  // what it would put in the place of the live database is not what programs find by that name.
  let base = purpose === 'verify' ? database.replace(/[^ -~]/gu, '_') : database;
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
