import type { Session } from '../engine/database-access.js';
import { USER_NAMESPACE } from './dumped.js';

/**
 * Functions that need a search_path. A dump sets an empty one, so a function that runs while the dump is
 * loaded (in a CHECK, an index, a generated column, a materialized view) does not find objects without their
 * schema.
 */
const CALLERS = `
  SELECT DISTINCT format('%s(%s)', format('%I.%I', fn.nspname, f.proname), pg_get_function_identity_arguments(f.oid)) AS name,
         g.called
    FROM pg_depend d
    JOIN pg_proc f ON d.refclassid = 'pg_proc'::regclass AND f.oid = d.refobjid
    JOIN pg_namespace fn ON fn.oid = f.pronamespace AND fn.${USER_NAMESPACE.replace(' AND ', ' AND fn.')}
    JOIN pg_language l ON l.oid = f.prolang AND lanname IN ('sql', 'plpgsql')
    JOIN LATERAL (
      SELECT proname AS called, '\\s*\\(' AS follows FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ${USER_NAMESPACE}
      UNION SELECT relname, '\\M' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND ${USER_NAMESPACE}) g
      ON called ~ '^[a-z_][a-z0-9_]*$' AND f.prosrc ~* (CASE follows WHEN '\\M' THEN '\\m(from|join)\\s+' ELSE '(^|[^.\\w"])' END || called || follows)
   WHERE (d.classid IN ('pg_constraint'::regclass, 'pg_attrdef'::regclass)
          OR (d.classid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_index WHERE indexrelid = d.objid))
          OR (d.classid = 'pg_rewrite'::regclass AND EXISTS (
               SELECT FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class WHERE r.oid = d.objid AND c.relkind = 'm')))
     AND to_jsonb(f)->>'prosqlbody' IS NULL AND f.proname <> called
     AND NOT coalesce(f.proconfig::text ~ 'search_path', false)
   ORDER BY 1, 2`;

/**
 * Returns sentences about functions of the session's database that may make a restore of it fail, each with
 * the correction.
 */
export async function unqualifiedCalls(session: Session): Promise<string[]> {
  const rows = await session.rows<{ name: string; called: string }>(CALLERS);
  return [...new Set(rows.map(({ name }) => name))].map((name) => {
    const called = rows.filter((row) => row.name === name).map((row) => row.called);
    return `the function ${name} finds ${called.slice(0, 5).join(', ')} by search_path, which is empty while a dump is loaded: a restore may fail. ${mend(name)}`;
  });
}

function mend(name: string): string {
  return `Mend it: ALTER FUNCTION ${name} SET search_path = public, pg_temp;`;
}
