import { parseEnvironment } from '../engine/environment-list.js';
import type { Facts } from './facts.js';
import { databaseReferences, reachableNames } from './roles.js';

/** The roles and databases of the running server, as far as it answered. */
export interface ServerCatalogue {
  /**
   * The role that the data folder was initialised with; undefined when the server lets in no role of the
   * project.
   */
  superuser?: string;
  /** Undefined when it is not known. */
  hasRole(name: string): boolean | undefined;
  /** Undefined when the server lets in no role of the project. */
  databases?: ReadonlySet<string>;
}

/** Oid of the role that initdb created (src/include/catalog/pg_authid.dat). */
const BOOTSTRAP_ROLE = 10;
const SQL = `SELECT CASE WHEN oid = ${BOOTSTRAP_ROLE} THEN 's' ELSE 'r' END AS kind, rolname AS name FROM pg_roles
UNION ALL SELECT 'd', datname FROM pg_database`;

const asked = new WeakMap<Facts, Promise<ServerCatalogue>>();

/** Queried once, as the first role of the project that the server lets in over its local socket. */
export function serverCatalogue(facts: Facts): Promise<ServerCatalogue> {
  const known = asked.get(facts) ?? read(facts);
  asked.set(facts, known);
  return known;
}

async function read(facts: Facts): Promise<ServerCatalogue> {
  const settings = facts.databaseSettings();
  const users = settings ? [settings.superuser, settings.user] : [];
  const absent = new Set<string>();
  for (const user of new Set([...users, 'postgres', ...(await usersBefore(facts)), ...usersOfApps(facts)])) {
    const answer = await facts.query<{ kind: string; name: string }>(user, SQL);
    if ('refusal' in answer) {
      // A role that does not exist is refused by name, before a password is asked for.
      if (/role "[^"]*" does not exist/.test(answer.refusal)) absent.add(user);
      continue;
    }
    const named = (kinds: string) =>
      new Set(answer.rows.filter(({ kind }) => kinds.includes(kind)).map(({ name }) => name));
    const [superuser = user] = named('s');
    const roles = named('rs');
    return { superuser, hasRole: (name) => roles.has(name), databases: named('d') };
  }
  return { hasRole: (name) => (absent.has(name) ? false : undefined) };
}

/** A container that is older than the last edit of the file has the old user name. */
async function usersBefore(facts: Facts): Promise<string[]> {
  const running = await facts.runningDatabase();
  const named = parseEnvironment(running?.container.Config.Env ?? []).get('POSTGRES_USER');
  return named ? [named] : [];
}

function usersOfApps({ project, databases, database }: Facts): string[] {
  return databaseReferences(project, databases).flatMap(({ host, user }) =>
    database && user && reachableNames(database).includes(host) ? [user] : [],
  );
}
