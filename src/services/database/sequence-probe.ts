import type { Session } from './session.js';

/**
 * Copies a row of each table whose column a sequence fills, with the next value in that column, and rolls back. A
 * sequence that lags behind its table, as after a restore of rows alone, collides here and not in the app.
 */
export async function probeSequences(session: Session): Promise<string[]> {
  // Triggers and foreign keys are off: the question is whether the value is free, not what the app makes of it.
  await session.run(`BEGIN; SET LOCAL session_replication_role = replica;
    CREATE TEMPORARY TABLE invctl_taken (sequence text, taken text) ON COMMIT DROP;
    ${PROBE}`);
  const taken = await session.rows<{ sequence: string; taken: string }>(
    'SELECT sequence, taken FROM invctl_taken ORDER BY 1',
  );
  await session.run('ROLLBACK;');
  return taken.map(({ sequence, taken: column }) => `the next value of ${sequence} is already in ${column}`);
}

const PROBE = `
DO $probe$
DECLARE
  owned record; was record; next bigint; collides boolean; columns text;
BEGIN
  FOR owned IN
    SELECT s.oid::regclass AS sequence, t.oid::regclass AS "table", quote_ident(a.attname) AS "column",
           (SELECT string_agg(quote_ident(o.attname), ', ' ORDER BY o.attnum) FROM pg_attribute o
             WHERE o.attrelid = t.oid AND o.attnum > 0 AND NOT o.attisdropped AND o.attnum <> a.attnum
               AND o.attgenerated = '' AND o.attidentity = '') AS others
      FROM pg_class s
      JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype IN ('a', 'i')
      JOIN pg_class t ON t.oid = d.refobjid AND t.relkind = 'r'
      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
     WHERE s.relkind = 'S'
  LOOP
    BEGIN
      EXECUTE format('SELECT last_value, is_called FROM %s', owned.sequence) INTO was;
      next := nextval(owned.sequence);
      -- No rollback takes nextval back.
      PERFORM setval(owned.sequence, was.last_value, was.is_called);
      EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE %s = $1)', owned.table, owned.column)
        INTO collides USING next;
      IF collides THEN
        INSERT INTO invctl_taken VALUES (owned.sequence, format('%s.%s', owned.table, owned.column));
      ELSE
        columns := concat_ws(', ', owned.column, owned.others);
        EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s LIMIT 1',
          owned.table, columns, concat_ws(', ', '$1', owned.others), owned.table) USING next;
      END IF;
    EXCEPTION
      -- Another column of the copied row, whose own value was seen to be free; or a sequence at its end, as it was.
      WHEN unique_violation OR exclusion_violation OR sequence_generator_limit_exceeded THEN NULL;
    END;
  END LOOP;
END $probe$;`;
