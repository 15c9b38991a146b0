import { variableOf } from '../postgres/image-variables.js';
import { hostPath } from '../project/mounted-file.js';
import type { Facts } from './facts.js';
import { place, placeOf } from './reading.js';

/** Where the value of a service's variable is written; nothing where no file says it. */
export function placeOfVariable(
  facts: Facts,
  service: string,
  name: string,
): { file?: string; line?: number } {
  const at = facts.variables(service).get(name)?.sources[0].at;
  return at ? place(at) : {};
}

/** Where what the database's image takes for its user, password or database is written: the file of a secret too. */
export function placeOfDatabaseVariable(
  facts: Facts,
  what: 'user' | 'password' | 'database',
): { file?: string; line?: number } {
  const { database, project } = facts;
  if (!database) return {};
  const name = variableOf(database, what);
  const file = name.endsWith('_FILE')
    ? hostPath(project, database, database.environment[name] ?? '')
    : undefined;
  if (file !== undefined) return { file };
  const found = placeOfVariable(facts, database.name, name);
  return found.file === undefined
    ? (placeOf(facts.reading, 'services', database.name, 'environment') ?? {})
    : found;
}
