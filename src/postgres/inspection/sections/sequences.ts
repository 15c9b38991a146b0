import { column, optional } from '../column.js';
import { type Advice, defineSection } from '../section.js';
import { HELD_SEQUENCES, MOST_ROWS } from '../sql-parts.js';
import { identifierOnOneLine, psqlCommand, qualified, shown } from '../words.js';

const WARN_PERCENT = 80;
const FAIL_PERCENT = 95;

/** How much of its range each sequence has used, up to its own limit or that of the column that it fills. */
export const sequences = defineSection({
  id: 'sequences',
  title: 'Sequences',
  meaning:
    'How much of its numbers each has used, the fullest first. An int4 column ends at 2,147,483,647, whatever its sequence could: then every INSERT fails.',
  columns: {
    schema: column('text', 'schema'),
    name: column('text', 'sequence'),
    tableSchema: optional('text', 'fills', 'schema of the table'),
    table: optional('text', 'table'),
    field: optional('text', 'column'),
    type: optional('text', 'type', 'of the column'),
    last: column('text', 'last', 'a number, as text: it may be beyond 2^53'),
    end: column('text', 'end', 'a number, as text'),
    usedPercent: column('percent', 'used'),
    cycles: column('flag', 'starts over'),
  },
  sql: () => `
WITH ${HELD_SEQUENCES}, known AS (
  SELECT n.nspname, c.relname, q.seqincrement, q.seqmin, q.seqmax, q.seqcycle, filled.*,
    CASE WHEN c.oid NOT IN (SELECT relation FROM held) AND NOT pg_is_other_temp_schema(n.oid)
        AND has_sequence_privilege(c.oid, 'SELECT,USAGE')
      THEN pg_sequence_last_value(c.oid) END AS last
  FROM pg_sequence q JOIN pg_class c ON c.oid = q.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN LATERAL (
      SELECT tn.nspname AS table_schema, t.relname AS table_name, a.attname, y.base
      FROM (
        SELECT d.refobjid AS relid, d.refobjsubid AS attnum FROM pg_depend d
         WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
           AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
        UNION
        SELECT f.adrelid, f.adnum FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid
         WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid) u
        JOIN pg_class t ON t.oid = u.relid JOIN pg_namespace tn ON tn.oid = t.relnamespace
        JOIN pg_attribute a ON a.attrelid = u.relid AND a.attnum = u.attnum
        JOIN pg_type p ON p.oid = a.atttypid
        CROSS JOIN LATERAL (SELECT coalesce(nullif(p.typbasetype, 0), p.oid) AS base) y
      ORDER BY CASE y.base WHEN 'int2'::regtype THEN 1 WHEN 'int4'::regtype THEN 2 ELSE 3 END, 1, 2 LIMIT 1) filled ON true),
ended AS (
  SELECT *, least(seqmax, CASE base WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647 ELSE seqmax END) AS high,
    greatest(seqmin, CASE base WHEN 'int2'::regtype THEN -32768 WHEN 'int4'::regtype THEN -2147483648 ELSE seqmin END) AS low
  FROM known WHERE last IS NOT NULL)
SELECT nspname AS schema, relname AS name, table_schema AS "tableSchema", table_name AS "table",
  attname AS field, format_type(base, NULL) AS type, last::text AS last,
  (CASE WHEN seqincrement > 0 THEN high ELSE low END)::text AS "end",
  trunc(100 * CASE WHEN seqincrement > 0 THEN (last::numeric - low + 1) / (high::numeric - low + 1)
    ELSE (high::numeric - last + 1) / (high::numeric - low + 1) END, 1) AS "usedPercent",
  seqcycle AS cycles
FROM ended ORDER BY 9 DESC, 1, 2 LIMIT ${MOST_ROWS}`,
  dangers: (rows) =>
    rows
      .filter(({ usedPercent, cycles }) => usedPercent >= WARN_PERCENT && !cycles)
      .map(({ schema, name, tableSchema, table, field, type, end, usedPercent }): Advice => {
        const filled = tableSchema !== null && table !== null && field !== null;
        const widened = filled && type !== 'bigint';
        const sequence = psqlCommand(
          `ALTER SEQUENCE ${qualified(schema, name)} AS bigint MAXVALUE 9223372036854775807`,
        );
        return {
          weight: usedPercent >= FAIL_PERCENT ? 'fail' : 'warn',
          message: `the sequence ${shown(schema, name)}${filled ? `, which fills ${shown(tableSchema, table)}.${shown('public', field)} (${type}),` : ''} has used ${Math.floor(usedPercent)} % of its numbers: it ends at ${Number(end).toLocaleString('en')}`,
          next: widened
            ? `${psqlCommand(`ALTER TABLE ${qualified(tableSchema, table)} ALTER COLUMN ${identifierOnOneLine(field)} TYPE bigint`)}      (rewrites the table under a lock), then: ${sequence}`
            : sequence,
        };
      }),
});
