import type { Database } from '../database/database.js';
import { Problem } from '../problem.js';
import type { Actor } from './audit.js';
import { VersionedTable } from './versioned-table.js';

/** The location that the first migration makes: where an operation that names none happens. */
export const DEFAULT_LOCATION = 1;

export class Locations extends VersionedTable {
  constructor(database: Database) {
    super(database, 'locations', 'location', 'id, code, name, version, created_at, updated_at');
  }

  override async remove(id: number, versions: readonly number[] | null, by: Actor): Promise<void> {
    if (id === DEFAULT_LOCATION) throw new Problem(409, 'in_use', 'The default location stays.');
    await super.remove(id, versions, by);
  }
}
