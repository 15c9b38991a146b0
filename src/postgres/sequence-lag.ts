import type { Session } from '../engine/database-access.js';
import { literal } from '../system/sql.js';
import { withoutLocks } from './session.js';

/** A sequence whose next value is not beyond the values of a column that it fills. */
export interface SequenceLag {
  /** With its schema, quoted if necessary. The two other names have the same form. */
  sequence: string;
  table: string;
  column: string;
  /** Whether it counts downwards. */
  descending: boolean;
  /** Decimal; the value that the sequence must be set to. */
  furthest: string;
  /** Whether its next value is already in a column that must be unique: the next INSERT fails. */
  collides: boolean;
}

/** Number of sequences that one statement checks. */
const CHUNK = 200;

interface Filled {
  sequence: string;
  table: string;
  /** `ONLY` if the rows are the table's own. */
  only: string;
  column: string;
  increment: string;
  minimum: string;
  maximum: string;
  unique: boolean;
}

/**
 * Columns whose value is `nextval` of a sequence and nothing else: identity columns, and defaults that are
 * only that call. Others are left out: a sequence in an expression (`'INV-' || nextval(…)`) or a trigger does
 * not determine the column's values, and one that cycles gives values twice by design. Sources: pg_depend
 * (identity: deptype `i`; a default depends on its sequence), pg_get_expr.
 */
const FILLED = `
  WITH RECURSIVE base (oid, type) AS (
    SELECT oid, oid FROM pg_type WHERE typtype <> 'd'
    UNION ALL SELECT t.oid, base.type FROM pg_type t JOIN base ON base.oid = t.typbasetype WHERE t.typtype = 'd'),
  filled (sequence, relation, attribute) AS (
    SELECT objid, refobjid, refobjsubid FROM pg_depend
     WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND deptype = 'i' AND refobjsubid > 0
    UNION
    SELECT s.oid, d.adrelid, d.adnum FROM pg_attrdef d
      JOIN pg_depend p ON p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid AND p.refclassid = 'pg_class'::regclass
      JOIN pg_class s ON s.oid = p.refobjid AND s.relkind = 'S'
     WHERE pg_get_expr(d.adbin, d.adrelid) = format('nextval(%L::regclass)', s.oid::regclass::text))
  SELECT format('%I.%I', sn.nspname, s.relname) AS sequence, format('%I.%I', tn.nspname, t.relname) AS "table",
         CASE t.relkind WHEN 'p' THEN '' ELSE 'ONLY' END AS only, quote_ident(a.attname) AS column,
         seqincrement::text AS increment, seqmin::text AS minimum, seqmax::text AS maximum,
         EXISTS (SELECT FROM pg_index i WHERE indrelid = t.oid AND indisunique AND indisvalid AND indpred IS NULL
                    AND indnkeyatts = 1 AND indkey[0] = a.attnum) AS unique
    FROM filled f
    JOIN pg_class s ON s.oid = f.sequence AND s.relkind = 'S' JOIN pg_namespace sn ON sn.oid = s.relnamespace
    JOIN pg_sequence q ON q.seqrelid = s.oid AND NOT seqcycle
    JOIN pg_class t ON t.oid = f.relation AND t.relkind IN ('r', 'p') AND t.relpersistence <> 't'
    JOIN pg_namespace tn ON tn.oid = t.relnamespace
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = f.attribute AND NOT attisdropped
    JOIN base ON base.oid = a.atttypid AND base.type IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype)
   ORDER BY 1, 2, 4`;

/**
 * Returns the sequences of the session's database that lag behind a column which they fill. It reads and
 * changes no sequence. The answer holds for an INSERT that takes the next value; triggers, rules and checks
 * are not considered.
 */
export async function sequencesThatLag(
  session: Session,
  { givesLocksBack = false }: { givesLocksBack?: boolean } = {},
): Promise<SequenceLag[]> {
  const filled = await session.rows<Filled>(FILLED);
  const lags: SequenceLag[] = [];
  for (let from = 0; from < filled.length; from += CHUNK) {
    const chunk = filled.slice(from, from + CHUNK);
    const read = () =>
      session.rows<{ i: number; furthest: string; collides: boolean }>(
        chunk.map(lagQuery).join(' UNION ALL '),
      );
    const rows = await (givesLocksBack ? withoutLocks(session, read) : read());
    for (const { i, furthest, collides } of rows) {
      const { sequence, table, column, increment } = chunk[i] as Filled;
      lags.push({ sequence, table, column, descending: increment.startsWith('-'), furthest, collides });
    }
  }
  return lags;
}

/** Returns one row if the sequence lags; none if it does not, or if it has reached its end. */
function lagQuery({ sequence, table, only, column, increment, minimum, maximum, unique }: Filled, i: number) {
  const descending = increment.startsWith('-');
  const furthest = `${descending ? 'min' : 'max'}(${column})`;
  const collides = unique
    ? `EXISTS (SELECT FROM ${only} ${table} x WHERE x.${column} = s.next::bigint)`
    : 'false';
  return `
    (SELECT ${i} AS i, f.furthest::text AS furthest, ${collides} AS collides
       FROM (SELECT last_value::numeric + CASE WHEN is_called THEN ${increment} ELSE 0 END AS next FROM ${sequence}) s,
            LATERAL (SELECT ${furthest} AS furthest FROM ${only} ${table}) f
      WHERE s.next BETWEEN ${minimum} AND ${maximum} AND f.furthest ${descending ? '<=' : '>='} s.next)`;
}

/** Returns the problem, and the statement that corrects it. */
export function describeLag({ sequence, table, column, furthest }: SequenceLag): string {
  return `the next value of ${sequence} is already in ${table}.${column}; mend it: SELECT setval(${literal(sequence)}, ${furthest});`;
}
