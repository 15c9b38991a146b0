import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Session } from '../../engine/database-access.js';
import { hasErrorCode, UserError } from '../../errors.js';
import type { Database } from '../../postgres/database.js';
import { migrationsTable } from '../../postgres/facts.js';
import { appService } from '../../project/service-roles.js';

export interface MigrationState {
  applied: number;
  /** Files of the app's `migrations/` folder that are not applied in the database. */
  pending: string[];
}

/**
 * Applied and pending migrations of an app that keeps `NNNN_name.sql` files beside its source and a
 * `schema_migrations` table with their numbers; undefined for any other app.
 */
export async function migrationState(
  database: Database,
  session: Session,
): Promise<MigrationState | undefined> {
  const files = (await migrationFiles(database)).map((file) => basename(file));
  if (files.length === 0) return undefined;
  const table = await migrationsTable(session);
  const applied = table
    ? await session.rows<{ version: string }>(`SELECT version::text AS version FROM ${table}`)
    : [];
  const versions = new Set(applied.map(({ version }) => Number(version)));
  return {
    applied: versions.size,
    pending: files.filter((file) => !versions.has(Number.parseInt(file, 10))),
  };
}

/** Absolute paths of the app's migrations in order; empty when it has none. */
export async function migrationFiles({ project, settings }: Database): Promise<string[]> {
  let context: string | undefined;
  try {
    context = appService(project, settings.services).build?.context;
  } catch (error) {
    // Not an error here: `db migrate` reports it, because it has to know which service is the app.
    if (!(error instanceof UserError)) throw error;
  }
  if (context === undefined) return [];
  try {
    const folder = join(context, 'migrations');
    const names = (await readdir(folder)).filter((name) => /^\d+_.+\.sql$/.test(name)).sort();
    return names.map((name) => join(folder, name));
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
