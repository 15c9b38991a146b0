import type { PsqlInput } from '../../engine/database-access.js';
import { accessTo, findDatabase } from '../../postgres/database.js';
import type { ServiceContext } from '../context.js';

/** Runs psql in the database's service. @returns its exit status. */
export async function psql(context: ServiceContext, input: PsqlInput): Promise<number> {
  const database = await findDatabase(await context.engine(), context.project());
  return accessTo(database).psql({ user: database.user, database: database.name }, input);
}
