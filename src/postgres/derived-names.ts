import { timeId } from '../system/time-id.js';
import type { Database } from './database.js';

/** PostgreSQL cuts longer identifiers, in bytes. */
const IDENTIFIER_BYTES = 63;

/** `shop_before_20261123t005853z`, cut where PostgreSQL would. */
export function derivedName(database: string, purpose: 'restore' | 'verify' | 'before', id: string): string {
  return `${derivedPrefix(database, purpose, id.length)}${id.toLowerCase()}`;
}

function derivedPrefix(database: string, purpose: string, idLength: number): string {
  const suffix = `_${purpose}_`;
  let base = database;
  while (Buffer.byteLength(base) + suffix.length + idLength > IDENTIFIER_BYTES) base = base.slice(0, -1);
  return base + suffix;
}

/** How the names of databases begin that restores left aside. */
export function beforePrefix(database: Database): string {
  return derivedPrefix(database.name, 'before', timeId(new Date(0)).length);
}

/** By which the server's sessions of a restore are told apart. */
export function loadApplicationName(id: string): string {
  return `invctl-restore-${id}`;
}
