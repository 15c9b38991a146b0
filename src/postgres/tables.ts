import type { Session } from '../engine/database-access.js';
import { UserError } from '../errors.js';
import { literal } from '../system/sql.js';
import { USER_NAMESPACE } from './dumped.js';

/** A table of the session's database. */
export interface Table {
  /** As text, because JSON numbers of other readers may not hold it. */
  oid: string;
  schema: string;
  name: string;
  /** Schema and name, quoted if necessary. */
  quoted: string;
  /** `r`: a table or a partition; `p`: partitioned. */
  kind: 'r' | 'p';
  /** WAL does not contain its rows. */
  unlogged: boolean;
  rowSecurity: boolean;
}

/** A typed name: an optional schema, and whether each part is taken literally. */
export interface TypedName {
  schema?: string;
  name: string;
  /** As SQL reads it: unquoted parts in lower case. */
  folded: { schema?: string; name: string };
}

const OTHER_KINDS: Record<string, string> = {
  v: 'a view, which has no rows of its own',
  m: 'a materialized view: REFRESH MATERIALIZED VIEW computes its rows again',
  f: 'a foreign table, whose rows are on another server',
  S: 'a sequence',
};
/** Largest number of names that a message offers instead of one that does not exist. */
const OFFERED = 8;

/**
 * Returns the readings of a typed name, in the order in which they are tried: `a.b` may also be one name with
 * a dot in it.
 */
export function readName(text: string): TypedName[] {
  const parts = [...text.matchAll(/"((?:[^"]|"")*)"|[^."]+/g)].map(([whole, quoted]) =>
    quoted === undefined
      ? { exact: whole, folded: whole.toLowerCase() }
      : { exact: quoted.replaceAll('""', '"'), folded: quoted.replaceAll('""', '"') },
  );
  const whole: TypedName = { name: text, folded: { name: text } };
  const [first, second] = parts;
  if (first && second && parts.length === 2) {
    const schema = { schema: first.exact, name: second.exact };
    return [{ ...schema, folded: { schema: first.folded, name: second.folded } }, whole];
  }
  if (first && parts.length === 1) return [{ name: first.exact, folded: { name: first.folded } }, whole];
  return [whole];
}

/**
 * Finds the table of a typed name: as it is typed, otherwise in lower case, otherwise in any case; without a
 * schema, `public` comes before others.
 * @param when in the words of a message: `now`, `at that moment`.
 * @throws UserError TABLE_NOT_FOUND, TABLE_AMBIGUOUS, NOT_A_TABLE
 */
export async function findTable(session: Session, text: string, when: string): Promise<Table> {
  const readings = readName(text);
  const found = await session.rows<Table & { kind: string }>(
    `SELECT c.oid::text AS oid, nspname AS schema, relname AS name, format('%I.%I', nspname, relname) AS quoted,
            relkind AS kind, relpersistence = 'u' AS unlogged, relrowsecurity AS "rowSecurity"
       FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
      WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relpersistence <> 't' AND ${USER_NAMESPACE}
        AND lower(relname) IN (${readings.map(({ name }) => `lower(${literal(name)})`).join(', ')})
      ORDER BY nspname <> 'public', nspname`,
  );
  const same = (a: string, b: string) => a === b;
  const alike = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
  for (const { folded, ...exact } of readings) {
    for (const [{ schema, name }, equal] of [
      [exact, same],
      [folded, same],
      [exact, alike],
    ] as const) {
      const matching = found.filter(
        (one) => equal(one.name, name) && (schema === undefined || equal(one.schema, schema)),
      );
      const [first] = matching;
      if (!first) continue;
      const other = OTHER_KINDS[first.kind];
      if (other !== undefined) throw notATable(first.quoted, other);
      if (matching.length > 1 && first.schema !== 'public') throw ambiguous(text, matching);
      return first;
    }
  }
  throw await notFound(session, text, when);
}

async function notFound(session: Session, text: string, when: string): Promise<UserError> {
  const tables = await session.rows<{ quoted: string }>(
    `SELECT format('%I.%I', nspname, relname) AS quoted
       FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
      WHERE relkind IN ('r', 'p') AND NOT relispartition AND relpersistence <> 't' AND ${USER_NAMESPACE}
      ORDER BY position(lower(${literal(text)}) IN lower(relname)) = 0, 1`,
  );
  const shown = tables.slice(0, OFFERED).map(({ quoted }) => quoted.replace(/^public\./, ''));
  const more = tables.length > OFFERED ? ` and ${tables.length - OFFERED} more` : '';
  return new UserError({
    code: 'TABLE_NOT_FOUND',
    message: `there is no table ${text} ${when}`,
    hint: tables.length === 0 ? 'there was no table at all' : `there is: ${shown.join(', ')}${more}`,
    details: { table: text },
  });
}

function ambiguous(text: string, matching: readonly Table[]): UserError {
  return new UserError({
    code: 'TABLE_AMBIGUOUS',
    message: `there are several tables ${text}: ${matching.map(({ quoted }) => quoted).join(', ')}`,
    hint: `with its schema: --table ${matching[0]?.quoted}`,
  });
}

function notATable(quoted: string, what: string): UserError {
  return new UserError({
    code: 'NOT_A_TABLE',
    message: `${quoted} is ${what}`,
    hint: 'name a table',
  });
}
