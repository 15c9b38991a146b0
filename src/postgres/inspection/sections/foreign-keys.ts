import { column, optional } from '../column.js';
import { defineSection } from '../section.js';
import { MOST_ROWS, OF_PEOPLE } from '../sql-parts.js';
import { identifierOnOneLine, psqlCommand, qualified, shown } from '../words.js';

/** Rows. Reading a whole table below this size takes no noticeable time. */
const FELT_ROWS = 10_000;

/**
 * An index with only the condition `column IS NOT NULL` can be used to find a value (nodes/primnodes.h:
 * IS_NOT_NULL is 1).
 */
const ONLY_NOT_NULL = `i.indpred::text ~ '^\\(?\\{NULLTEST .*:nulltesttype 1 [^{}]*\\}\\)?$'`;

/** Foreign keys whose table has no index that begins with their columns. */
export const foreignKeys = defineSection({
  id: 'foreign-keys',
  title: 'Foreign keys without an index',
  meaning:
    'A row that is deleted, or gets another key, is looked for in the table that refers to it: without an index all of that table is read, under a lock.',
  columns: {
    schema: column('text', 'schema'),
    table: column('text', 'table'),
    name: column('text', 'foreign key'),
    columns: column('text', 'columns', 'as SQL identifiers, with commas'),
    refersTo: column('text', 'refers to'),
    rows: optional('count', 'rows', 'null: no ANALYZE has seen it'),
  },
  sql: () => `
SELECT n.nspname AS schema, c.relname AS "table", k.conname AS name,
  (SELECT string_agg(quote_ident(attname), ', ' ORDER BY position) FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, position)
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum) AS columns,
  quote_ident(rn.nspname) || '.' || quote_ident(rc.relname) AS "refersTo",
  CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END AS rows
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_class rc ON rc.oid = k.confrelid JOIN pg_namespace rn ON rn.oid = rc.relnamespace
WHERE k.contype = 'f' AND c.relkind IN ('r', 'p') AND k.conparentid = 0 AND ${OF_PEOPLE}
  AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indisvalid
    AND i.indnkeyatts >= cardinality(k.conkey)
    AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
    AND (i.indpred IS NULL OR ${ONLY_NOT_NULL}))
ORDER BY c.reltuples DESC, 1, 2, 3 LIMIT ${MOST_ROWS}`,
  hints: (rows) =>
    rows
      .filter((row) => (row.rows ?? 0) >= FELT_ROWS)
      .map(({ schema, table, name, columns, refersTo }) => ({
        weight: 'info',
        message: `${shown(schema, table)} has no index for ${identifierOnOneLine(name)}: deleting from ${refersTo} reads all of it`,
        next: psqlCommand(`CREATE INDEX CONCURRENTLY ON ${qualified(schema, table)} (${columns})`),
      })),
});
