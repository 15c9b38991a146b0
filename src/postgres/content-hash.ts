import type { Session } from '../engine/database-access.js';
import { identifier, literal } from '../system/sql.js';
import type { DatabaseFacts } from './database-facts.js';
import { onlyRow, TABLES_AT_ONCE, withoutLocks } from './session.js';

type Tables = DatabaseFacts['tables'];

/** Settings with which the same value has the same text on every server. */
const CANONICAL_TEXT = `
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'iso_8601'; SET bytea_output = 'hex';
SET extra_float_digits = 1; SET lc_monetary = 'C'; SET quote_all_identifiers = off; SET row_security = off;
SET search_path = pg_catalog;`;
/** In bytes. A longer value is replaced by its hash, because a row's text would not fit into 1 GB. */
const LONG_VALUE = 8192;
/**
 * Prefix of every hash of this form. The former form has three numbers: rows, and the sums of both halves of
 * an MD5.
 */
const FORM = 'v2';
const FORMER = /^\d+:-?\d+:-?\d+$/;

/** How the value of a column is added to its row's text. */
type Shape = 'short' | 'char' | 'text' | 'bytes' | 'output';

interface Column {
  name: string;
  shape: Shape;
}

/**
 * The columns whose values a dump contains, sorted by name: if a parent table got a column later, the
 * restored child has its columns in another order. Generated columns are left out, because a restore computes
 * them again.
 */
const COLUMNS = `
  WITH RECURSIVE base (oid, type) AS (
    SELECT oid, oid FROM pg_type WHERE typtype <> 'd'
    UNION ALL SELECT t.oid, base.type FROM pg_type t JOIN base ON base.oid = t.typbasetype WHERE t.typtype = 'd')
  SELECT format('%I.%I', nspname, relname) AS "table",
         json_agg(json_build_object('name', attname, 'shape',
           CASE WHEN t.oid = '"char"'::regtype THEN 'char'
                WHEN t.typlen > 0 OR t.oid IN ('numeric'::regtype, 'inet'::regtype, 'cidr'::regtype) THEN 'short'
                WHEN t.oid IN ('text'::regtype, 'varchar'::regtype) THEN 'text'
                WHEN t.oid = 'bytea'::regtype THEN 'bytes'
                ELSE 'output' END) ORDER BY attname COLLATE "C") AS columns
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
    JOIN base ON base.oid = a.atttypid JOIN pg_type t ON t.oid = base.type
   WHERE relkind = 'r' AND nspname !~ '^(pg_|information_schema$)' GROUP BY 1`;

/**
 * Adds to each table a hash of its rows that depends neither on their order nor on that of the columns: the
 * sum of the 64-bit hashes of the rows' text, with values ordered by the name of their column. Two tables
 * with the same hash have the same rows, unless somebody forged them: the hash is not cryptographic. The hash
 * is PostgreSQL's `hashtextextended`, at a quarter of the cost of `md5`. PostgreSQL keeps it from version to
 * version (partitions by hash depend on it), but big-endian machines give other values. Therefore the hash of
 * a constant is stored with it.
 */
export async function withContentHashes(
  session: Session,
  facts: DatabaseFacts,
  { givesLocksBack = false }: { givesLocksBack?: boolean } = {},
): Promise<DatabaseFacts> {
  const tables = await hashTables(session, facts.tables, givesLocksBack);
  const contentHash = await hashLargeObjects(session);
  if (contentHash === undefined) return { ...facts, tables };
  return { ...facts, tables, largeObjects: { count: facts.largeObjects?.count ?? 0, contentHash } };
}

/**
 * Returns the hash of all large objects of the session's database; undefined if its user may not read them. A
 * large object lies in pages, of which pg_restore fills the gaps and the ends with zeros.
 */
export async function hashLargeObjects(session: Session): Promise<string | undefined> {
  const { readable } = await onlyRow<{ readable: boolean }>(
    session,
    `SELECT has_table_privilege('pg_catalog.pg_largeobject', 'SELECT') AS readable`,
  );
  if (!readable) return undefined;
  await session.run(CANONICAL_TEXT);
  const { content } = await onlyRow<{ content: string }>(
    session,
    `SELECT concat_ws(':', ${literal(FORM)}, ${hash(literal('invctl'))}, count(*), coalesce(sum(size), 0), coalesce(sum(pages), 0)) AS content
       FROM (SELECT ${hash(`concat_ws(':', oid, max(pageno * (current_setting('block_size')::bigint / 4) + octet_length(data)))`)} AS size,
                    sum(${hash(`concat_ws(':', oid, pageno, content)`)}) FILTER (WHERE content <> '') AS pages
               FROM pg_largeobject_metadata LEFT JOIN pg_largeobject ON loid = oid, rtrim(data, '\\x00') AS content
              GROUP BY oid) q`,
  );
  return content;
}

async function hashTables(session: Session, tables: Tables, givesLocksBack = false): Promise<Tables> {
  if (tables.length === 0) return [];
  await session.run(CANONICAL_TEXT);
  const { kind } = await onlyRow<{ kind: string }>(
    session,
    `SELECT ${hash(literal('invctl'))}::text AS kind`,
  );
  const rows = await session.rows<{ table: string; columns: Column[] }>(COLUMNS);
  const columns = new Map(rows.map((row) => [row.table, row.columns]));
  const hashed: Tables = [];
  const hashOf = async (table: Tables[number]): Promise<string> => {
    const own = columns.get(table.name) ?? [];
    const names = `array_to_string(ARRAY[${own.map(({ name }) => literal(identifier(name))).join(', ')}]::text[], ',')`;
    const { content } = await onlyRow<{ content: string }>(
      session,
      `SELECT concat_ws(':', ${hash(names)}, count(*), coalesce(sum(${hash(`ROW(${own.map(value).join(', ')})::text`)}), 0)) AS content
         FROM ONLY ${table.name} r`,
    );
    return `${FORM}:${kind}:${content}`;
  };
  for (let from = 0; from < tables.length; from += TABLES_AT_ONCE) {
    const hashSome = async () => {
      for (const table of tables.slice(from, from + TABLES_AT_ONCE)) {
        hashed.push({ ...table, contentHash: await hashOf(table) });
      }
    };
    await (givesLocksBack ? withoutLocks(session, hashSome) : hashSome());
  }
  return hashed;
}

function hash(text: string): string {
  return `hashtextextended((${text}) COLLATE "C", 0)`;
}

/**
 * A row constructor takes 1664 values, prints each by its type's output function, and distinguishes NULL from
 * an empty text. `concat` uses the output function too, while a cast to text may be one of the user's. `IS
 * DISTINCT FROM NULL` is used because `IS NULL` is true for a composite whose fields are all NULL.
 */
function value({ name, shape }: Column): string {
  const column = `r.${identifier(name)}`;
  switch (shape) {
    case 'short':
      return column;
    case 'char':
      return `${column}::integer`;
    case 'text':
      return `CASE WHEN octet_length(${column}) > ${LONG_VALUE} THEN ${hash(`${column}::text`)}::text ELSE ${column}::text END`;
    case 'bytes':
      return `CASE WHEN octet_length(${column}) > ${LONG_VALUE} THEN sha256(${column}) ELSE ${column} END`;
    case 'output':
      return `CASE WHEN ${column} IS DISTINCT FROM NULL THEN ${hash(`concat(${column})`)} END`;
  }
}

export interface ContentComparison {
  /** Names of tables whose rows differ from the backup's. */
  different: string[];
  /** Names of tables that the backup's hashes cannot be compared with here. */
  incomparable: string[];
}

/** Compares the content of the session's database with the hashes of a backup. */
export async function compareContent(session: Session, expected: Tables): Promise<ContentComparison> {
  const former = expected.filter(({ contentHash }) => contentHash && FORMER.test(contentHash));
  const current = expected.filter(({ contentHash }) => contentHash && !FORMER.test(contentHash));
  const found = new Map((await hashTables(session, current)).map((table) => [table.name, table.contentHash]));
  const kind = (contentHash = '') => contentHash.split(':').slice(0, 2).join(':');
  const comparison = await compareFormer(session, former);
  for (const { name, contentHash } of current) {
    const here = found.get(name);
    if (kind(here) !== kind(contentHash)) comparison.incomparable.push(name);
    else if (here !== contentHash) comparison.different.push(name);
  }
  return comparison;
}

/**
 * Compares by the former form: `t::text` is the whole row with its columns in order. Exceptions: if a table
 * has a column `t`, it is that column; if a table inherits, a restore changes the order.
 */
async function compareFormer(session: Session, expected: Tables): Promise<ContentComparison> {
  const comparison: ContentComparison = { different: [], incomparable: [] };
  if (expected.length === 0) return comparison;
  await session.run(CANONICAL_TEXT);
  for (const { name, contentHash } of expected) {
    const half = (from: number) => `coalesce(sum(('x' || substr(m, ${from}, 16))::bit(64)::bigint), 0)`;
    const { content, has_t, inherits } = await onlyRow<{
      content: string;
      has_t: boolean;
      inherits: boolean;
    }>(
      session,
      `SELECT concat_ws(':', count(*), ${half(1)}, ${half(17)}) AS content,
              EXISTS (SELECT FROM pg_attribute WHERE attrelid = ${literal(name)}::regclass AND attname = 't' AND NOT attisdropped) AS has_t,
              EXISTS (SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid AND NOT relispartition
                       WHERE inhrelid = ${literal(name)}::regclass) AS inherits
         FROM (SELECT md5(t::text) AS m FROM ONLY ${name} t OFFSET 0) rows`,
    );
    if (content !== contentHash && !inherits) comparison.different.push(name);
    else if (content !== contentHash || has_t) comparison.incomparable.push(name);
  }
  return comparison;
}
