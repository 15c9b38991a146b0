import { variableOf } from '../postgres/image-variables.js';
import { hostPath } from '../project/mounted-file.js';
import type { Facts } from './facts.js';
import { place, placeOf } from './reading.js';

/** Where the value of a service's variable is written; empty when it is in no file. */
export function placeOfVariable(
  facts: Facts,
  service: string,
  name: string,
): { file?: string; line?: number } {
  const at = facts.variables(service).get(name)?.sources[0].at;
  return at ? place(at) : {};
}

/**
 * Where the database's user, password or name is written for the image; this includes the file of a secret.
 */
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
