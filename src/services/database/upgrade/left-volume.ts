import { openTrials } from '../../../engine/open-trials.js';
import { UserError } from '../../../errors.js';
import type { Database } from '../../../postgres/database.js';
import { withSession } from '../../../postgres/open-session.js';
import type { ServiceContext } from '../../context.js';
import type { PreviousVolume } from './previous-volumes.js';

const DATABASES = `SELECT coalesce(json_agg(datname ORDER BY 1), '[]') AS found FROM pg_database WHERE datallowconn AND datname <> 'template0'`;

/** Tables and large objects, which are what holds data. On one line, because single-user mode requires it. */
const CONTENT = `SELECT coalesce(json_agg(name ORDER BY name), '[]') AS found FROM (SELECT format('%I.%I', nspname, relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r', 'm') AND relpersistence <> 't' AND nspname !~ '^(pg_|information_schema$)' UNION ALL SELECT 'large objects' WHERE EXISTS (SELECT FROM pg_largeobject_metadata)) q`;

/**
 * Compares the content of a volume that an upgrade kept with what the server has now, by name: rows have
 * changed since. Missing tables of the project's own database are a warning, because migrations drop tables.
 *
 * @throws UserError VOLUME_IN_USE; LEFT_BEHIND when another database, or a table in one, is in the old volume
 * only.
 */
export async function assertNothingLeft(
  context: ServiceContext,
  database: Database,
  { name, major, left }: PreviousVolume,
): Promise<void> {
  const trials = await openTrials(database.engine, context);
  const ask = async (inDatabase: string, statement: string) => {
    const output = left
      ? await trials.askLeft(
          database.location,
          database.service,
          { name, major, ...left },
          { database: inDatabase, statement },
        )
      : undefined;
    return output === undefined ? undefined : answer(output);
  };
  const there = await ask(database.name, DATABASES);
  if (there === undefined) {
    context.warn(
      `the volume ${name} was not looked into: PostgreSQL ${major} is not here any more, or an earlier invctl made the upgrade`,
    );
    return;
  }
  const options = { applicationName: 'invctl db upgrade', signal: context.signal };
  const now = await withSession(database, options, (session) =>
    session.rows<{ name: string }>('SELECT datname AS name FROM pg_database'),
  );
  const missing: string[] = [];
  for (const one of there) {
    if (left?.aside.includes(one)) continue;
    const before = (await ask(one, CONTENT)) ?? [];
    if (now.every((other) => other.name !== one)) {
      missing.push(`the database ${one}`);
      continue;
    }
    const after = await withSession(database, { ...options, database: one }, (session) =>
      session.rows<{ found: string[] }>(CONTENT),
    );
    const gone = before.filter((table) => !after[0]?.found.includes(table));
    if (gone.length === 0) continue;
    if (one === database.name) context.warn(`in the volume ${name} alone: ${gone.join(', ')} of ${one}`);
    else missing.push(...gone.map((table) => `${table} of ${one}`));
  }
  if (missing.length === 0) return;
  throw new UserError({
    code: 'LEFT_BEHIND',
    message: `in the volume ${name} and not in the current server: ${missing.join(', ')}. Nothing was removed`,
    hint: `get it: undo the edit of the compose file, invctl up, and dump it; where it is not wanted:  invctl volume rm ${name}`,
    details: { volume: name, missing },
  });
}

/** The one value that single-user mode prints, as in `1: found = "[…]"	(typeid = …`. */
function answer(output: string): string[] {
  const json = /found = "(.*)"\t\(typeid/s.exec(output)?.[1];
  if (json !== undefined) return JSON.parse(json) as string[];
  throw new UserError({
    code: 'UPGRADE_FAILED',
    message: `the old volume cannot be looked into:\n${output.trim().slice(-500)}`,
    hint: 'invctl volume ls      (invctl volume rm removes a volume without a look)',
  });
}
