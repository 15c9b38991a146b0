import type { Facts } from './facts.js';
import { databaseReferences, reachableNames } from './roles.js';

/** Which roles and databases the running server has. */
export interface ServerCatalogue {
  /** The role that the data folder was initialised with. */
  superuser: string;
  roles: ReadonlySet<string>;
  databases: ReadonlySet<string>;
}

/** The role that initdb made has this oid (src/include/catalog/pg_authid.dat). */
const BOOTSTRAP_ROLE = 10;
const SQL = `SELECT CASE WHEN oid = ${BOOTSTRAP_ROLE} THEN 's' ELSE 'r' END || rolname FROM pg_roles
UNION ALL SELECT 'd' || datname FROM pg_database`;

const asked = new WeakMap<Facts, Promise<ServerCatalogue | undefined>>();

/**
 * Asked for once, as the first role of the project that the server knows. Undefined where none of them is let in over
 * the local socket, or nothing runs.
 */
export function serverCatalogue(facts: Facts): Promise<ServerCatalogue | undefined> {
  const known = asked.get(facts) ?? read(facts);
  asked.set(facts, known);
  return known;
}

async function read(facts: Facts): Promise<ServerCatalogue | undefined> {
  const settings = facts.databaseSettings();
  if (!settings) return undefined;
  const users = [settings.superuser, settings.user, 'postgres', ...usersOfApps(facts)];
  for (const user of new Set(users)) {
    const lines = await facts.query(user, SQL);
    if (!lines) continue;
    const named = (kinds: string) =>
      new Set(lines.filter((line) => kinds.includes(line.charAt(0))).map((line) => line.slice(1)));
    const [superuser = user] = named('s');
    return { superuser, roles: named('rs'), databases: named('d') };
  }
  return undefined;
}

function usersOfApps({ project, databases, database }: Facts): string[] {
  return databaseReferences(project, databases).flatMap(({ host, user }) =>
    database && user && reachableNames(database).includes(host) ? [user] : [],
  );
}
