import type { Session } from '../engine/database-access.js';
import { UserError } from '../errors.js';
import { literal } from '../system/sql.js';
import { onlyRow } from './session.js';
import type { Table } from './tables.js';

/** A column of a table; names are quoted if necessary. */
export interface Column {
  name: string;
  /** With its modifier: `numeric(12,2)`. */
  type: string;
  /** Name of the type without the modifier, for a lookup on another server. */
  typeName: string;
  notNull: boolean;
  /** Whether its value is computed from other columns. */
  generated: boolean;
  /** `a`: GENERATED ALWAYS, `d`: BY DEFAULT; empty: no identity. */
  identity: '' | 'a' | 'd';
  /** As SQL; null for a generated column. */
  default: string | null;
  collation: string | null;
}

/** The definition that a copy of a table is made from. */
export interface TableDefinition {
  columns: Column[];
  /** The output of pg_get_constraintdef(); null: no primary key. */
  primaryKey: string | null;
  /** Columns of the primary key. */
  key: string[];
  /** Shapes of the columns' types, by their names. */
  types: Record<string, TypeShape>;
  /** Number of objects that are not copied with the table. */
  foreignKeys: number;
  checks: number;
  indexes: number;
  triggers: number;
  policies: number;
  /**
   * Tables whose foreign keys refer to it, and what a deletion does to their rows
   * (`pg_constraint.confdeltype`).
   */
  referrers: { table: string; onDelete: string }[];
}

/** The properties that decide whether a type's name means the same on two servers. */
interface TypeShape {
  labels: string[] | null;
  /** Attributes of a composite type. */
  attributes: string[] | null;
  /** Base type of a domain. */
  base: string | null;
  constraints: string[] | null;
}

/** The element type of an array. */
const ELEMENT = `CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN t.typelem ELSE t.oid END`;
const SHAPE = `
  (SELECT json_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = e.oid) AS labels,
  (SELECT json_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum)
     FROM pg_attribute a WHERE a.attrelid = e.typrelid AND e.typrelid <> 0 AND a.attnum > 0 AND NOT a.attisdropped) AS attributes,
  CASE WHEN e.typtype = 'd' THEN format_type(e.typbasetype, e.typtypmod) END AS base,
  CASE WHEN e.typtype = 'd' THEN (
    SELECT coalesce(json_agg(pg_get_constraintdef(k.oid) ORDER BY 1), '[]')
      FROM pg_constraint k WHERE contypid = e.oid) END AS constraints`;

/** Reads a table's definition from the server that has it. */
export async function readDefinition(session: Session, { oid }: Table): Promise<TableDefinition> {
  const columns = await session.rows<Column>(
    `SELECT quote_ident(attname) AS name, format_type(atttypid, atttypmod) AS type,
            format_type(atttypid, NULL) AS "typeName", attnotnull AS "notNull", attgenerated <> '' AS generated,
            attidentity AS identity, CASE WHEN attgenerated = '' THEN pg_get_expr(adbin, adrelid) END AS default,
            (SELECT format('%I.%I', nspname, collname) FROM pg_collation c JOIN pg_namespace n ON n.oid = collnamespace
              WHERE c.oid = attcollation AND attcollation <> typcollation) AS collation
       FROM pg_attribute a JOIN pg_type t ON t.oid = atttypid
       LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
      WHERE attrelid = ${oid} AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
  );
  const types = await session.rows<TypeShape & { name: string }>(
    `SELECT DISTINCT ON (1) format_type(t.oid, NULL) AS name, ${SHAPE}
       FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid JOIN pg_type e ON e.oid = ${ELEMENT}
      WHERE a.attrelid = ${oid} AND a.attnum > 0 AND NOT a.attisdropped`,
  );
  const rest = await onlyRow<Omit<TableDefinition, 'columns' | 'types'>>(
    session,
    `SELECT (SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = ${oid} AND contype = 'p') AS "primaryKey",
            (SELECT coalesce(json_agg(quote_ident(attname) ORDER BY ord), '[]')
               FROM pg_constraint CROSS JOIN unnest(conkey) WITH ORDINALITY AS k(num, ord)
               JOIN pg_attribute ON attrelid = conrelid AND attnum = num
              WHERE conrelid = ${oid} AND contype = 'p') AS key,
            (SELECT count(*) FROM pg_constraint WHERE conrelid = ${oid} AND contype = 'f') AS "foreignKeys",
            (SELECT count(*) FROM pg_constraint WHERE conrelid = ${oid} AND contype IN ('c', 'x', 'u')) AS checks,
            (SELECT count(*) FROM pg_index WHERE indrelid = ${oid} AND NOT indisprimary) AS indexes,
            (SELECT count(*) FROM pg_trigger WHERE tgrelid = ${oid} AND NOT tgisinternal) AS triggers,
            (SELECT count(*) FROM pg_policy WHERE polrelid = ${oid}) AS policies,
            (SELECT coalesce(json_agg(DISTINCT jsonb_build_object('table', format('%I.%I', nspname, relname), 'onDelete', confdeltype)), '[]')
               FROM pg_constraint JOIN pg_class c ON c.oid = conrelid JOIN pg_namespace n ON n.oid = relnamespace
              WHERE confrelid = ${oid} AND conrelid <> ${oid} AND contype = 'f' AND conparentid = 0) AS referrers`,
  );
  return { ...rest, columns, types: Object.fromEntries(types.map(({ name, ...shape }) => [name, shape])) };
}

/** A column of the copy, with its type if the live server does not have the original one. */
interface CopyColumn extends Column {
  /** Type in the copy. */
  copyType: string;
  /** Why the type differs from the original; undefined: it does not. */
  why?: string;
}

/**
 * Returns the types for the columns of a copy on the server that gets it: the original type if its name means
 * the same there, the base type of a domain that has changed, otherwise text.
 */
export async function typesHere(session: Session, definition: TableDefinition): Promise<CopyColumn[]> {
  const columns: CopyColumn[] = [];
  for (const column of definition.columns) {
    const then = definition.types[column.typeName];
    const now = await shapeHere(session, column.typeName);
    if (now === undefined) {
      columns.push({ ...column, copyType: 'text', why: `there is no type ${column.typeName} now` });
    } else if (then === undefined || sameShape(then, now)) {
      columns.push({ ...column, copyType: column.type });
    } else {
      const base = then.base !== null && (await shapeHere(session, then.base)) !== undefined;
      const copyType = base && !column.typeName.endsWith('[]') ? (then.base as string) : 'text';
      columns.push({ ...column, copyType, why: `the type ${column.typeName} is another one now` });
    }
  }
  return columns;
}

async function shapeHere(session: Session, type: string): Promise<TypeShape | undefined> {
  const [found] = await session.rows<TypeShape>(
    `SELECT ${SHAPE} FROM pg_type t JOIN pg_type e ON e.oid = ${ELEMENT} WHERE t.oid = to_regtype(${literal(type)})`,
  );
  return found;
}

/** Whether every value of the one type is also a value of the other, with the same text. */
function sameShape(then: TypeShape, now: TypeShape): boolean {
  const { labels, ...rest } = then;
  const { labels: labelsNow, ...restNow } = now;
  const known = labels === null ? labelsNow === null : labels.every((label) => labelsNow?.includes(label));
  return known && JSON.stringify(rest) === JSON.stringify(restNow);
}

export interface CopyTarget {
  /** Name of the copy, quoted and with its schema. */
  into: string;
  /** Comment that identifies the maker of the copy, and by which an incomplete copy is recognised. */
  comment: string;
  /** File from {@link copyOut}, which the server reads. */
  file: string;
}

/** Lets the server that has a table write its rows into a file. */
export async function copyOut(
  session: Session,
  { quoted, kind }: Table,
  { columns }: TableDefinition,
  file: string,
): Promise<void> {
  const list = columns.map(({ name }) => name).join(', ');
  const only = kind === 'p' ? '' : 'ONLY ';
  await session.run(`COPY (SELECT ${list} FROM ${only}${quoted}) TO ${literal(file)};`);
}

/**
 * Makes a table from a definition and fills it, in one transaction.
 * @returns the parts of the definition that it does not have, in words for the user.
 */
export async function makeCopy(
  session: Session,
  definition: TableDefinition,
  columns: readonly CopyColumn[],
  { rowSecurity, unlogged }: Table,
  { into, comment, file }: CopyTarget,
): Promise<string[]> {
  const lines = columns.map(
    ({ name, copyType, notNull, collation, why }) =>
      `${name} ${copyType}${collation === null || why ? '' : ` COLLATE ${collation}`}${notNull ? ' NOT NULL' : ''}`,
  );
  const defaults = columns.filter((one) => one.default !== null && one.why === undefined && !isSerial(one));
  await session.run(`BEGIN;
CREATE TABLE ${into} (${lines.join(', ')});
COMMENT ON TABLE ${into} IS ${literal(comment)};
COPY ${into} FROM ${literal(file)};
${defaults.map(({ name, default: value }) => attempt(`ALTER TABLE ${into} ALTER COLUMN ${name} SET DEFAULT ${value}`)).join('\n')}
${definition.primaryKey === null ? '' : attempt(`ALTER TABLE ${into} ADD ${definition.primaryKey}`)}
${rowSecurity ? `ALTER TABLE ${into} ENABLE ROW LEVEL SECURITY;` : ''}
COMMIT;
ANALYZE ${into};`);
  const made = await onlyRow<{ defaults: string[]; key: boolean }>(
    session,
    `SELECT (SELECT coalesce(json_agg(quote_ident(attname)), '[]') FROM pg_attribute
              WHERE attrelid = ${literal(into)}::regclass AND atthasdef) AS defaults,
            EXISTS (SELECT FROM pg_index WHERE indrelid = ${literal(into)}::regclass AND indisprimary) AS key`,
  );
  const without = defaults.filter(({ name }) => !made.defaults.includes(name));
  return [
    ...columns.flatMap(({ name, copyType, why }) => (why ? [`${name} is ${copyType} there: ${why}`] : [])),
    ...without.map(({ name, default: value }) => `${name} has no default there: ${value} cannot be set now`),
    ...columns.filter(isSerial).map(({ name }) => `${name} takes no numbers from the table's sequence there`),
    ...columns
      .filter(({ generated }) => generated)
      .map(({ name }) => `${name} is not generated there: it has the values of then`),
    ...(definition.primaryKey !== null && !made.key ? [`${definition.primaryKey} cannot be made there`] : []),
    ...left(definition),
    ...(rowSecurity ? ['row security is on there without a policy: the superuser alone reads it'] : []),
    ...(unlogged ? ['the table is unlogged: WAL has nothing of its rows'] : []),
  ];
}

/** Returns the parts that a copy does not have. */
function left({ foreignKeys, checks, indexes, triggers, policies }: TableDefinition): string[] {
  const parts = [
    [foreignKeys, 'foreign key'],
    [checks, 'other constraint'],
    [indexes, 'index'],
    [triggers, 'trigger'],
    [policies, 'policy'],
  ] as const;
  const words = parts
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${count} ${count === 1 ? what : plural(what)}`);
  return words.length === 0 ? [] : [`not on the copy: ${words.join(', ')}`];
}

function plural(word: string): string {
  return word.endsWith('x') ? `${word}es` : word.endsWith('y') ? `${word.slice(0, -1)}ies` : `${word}s`;
}

/**
 * Whether the default depends on the table's own sequence. Such a default in the copy would prevent dropping
 * the table.
 */
function isSerial({ identity, default: value }: Column): boolean {
  return identity !== '' || (value !== null && /\bnextval\(/.test(value));
}

/** Wraps a statement so that its error undoes only that statement. */
function attempt(statement: string): string {
  return `DO ${literal(`BEGIN EXECUTE ${literal(statement)}; EXCEPTION WHEN OTHERS THEN NULL; END`)};`;
}

/** Differences between the rows of a copy and those of the live table. */
export interface TableDifference {
  /** Number of rows of the copy. */
  rows: number;
  /** Number of rows of the table now. */
  rowsNow: number;
  onlyThen: number;
  onlyNow: number;
  /** Number of rows with the same key and different content; null: the table has no key. */
  changed: number | null;
}

/** SQL that restores rows of a copy to the table. */
export interface PutBack {
  /** Inserts the missing rows; null: none is missing. */
  insert: string | null;
  /** Updates the changed rows; null: none is changed, or there is no key. */
  update: string | null;
}

/** Compares a copy with the present table, by the columns that both have. */
export async function compareCopy(
  session: Session,
  into: string,
  copy: readonly CopyColumn[],
  key: readonly string[],
  live: Table,
): Promise<{ difference: TableDifference; putBack: PutBack }> {
  const now = new Map((await readDefinition(session, live)).columns.map((column) => [column.name, column]));
  const common = copy.flatMap((column) => {
    const found = now.get(column.name);
    return found ? [{ ...found, copyType: column.copyType }] : [];
  });
  const table = `${live.kind === 'p' ? '' : 'ONLY '}${live.quoted}`;
  const keyed = key.length > 0 && key.every((name) => now.has(name));
  const typeOf = (name: string) => common.find((one) => one.name === name);
  const equal = key
    .map((name) => {
      const same = typeOf(name)?.type === typeOf(name)?.copyType;
      return same ? `t.${name} = n.${name}` : `${asText('t', name)} = ${asText('n', name)}`;
    })
    .join(' AND ');
  const others = common.filter(({ name }) => !keyed || !key.includes(name));
  const row = (of: 't' | 'n', columns = others) =>
    `ROW(${columns.map(({ name }) => asText(of, name)).join(', ')})`;
  const different = others.length === 0 ? 'false' : `${row('t')} IS DISTINCT FROM ${row('n')}`;
  const text = (of: 't' | 'n') => `${row(of, common)}::text COLLATE "C"`;
  const query = keyed
    ? `SELECT count(n.${key[0]}) AS rows, count(t.${key[0]}) AS "rowsNow",
              count(*) FILTER (WHERE t.${key[0]} IS NULL) AS "onlyThen", count(*) FILTER (WHERE n.${key[0]} IS NULL) AS "onlyNow",
              count(*) FILTER (WHERE t.${key[0]} IS NOT NULL AND n.${key[0]} IS NOT NULL AND ${different}) AS changed
         FROM ${into} n FULL JOIN ${table} t ON ${equal}`
    : `SELECT coalesce(sum(a), 0)::bigint AS rows, coalesce(sum(b), 0)::bigint AS "rowsNow",
              coalesce(sum(greatest(a - b, 0)), 0)::bigint AS "onlyThen",
              coalesce(sum(greatest(b - a, 0)), 0)::bigint AS "onlyNow", NULL AS changed
         FROM (SELECT count(*) FILTER (WHERE copied) AS a, count(*) FILTER (WHERE NOT copied) AS b
                 FROM (SELECT true AS copied, ${text('n')} AS r FROM ${into} n
                       UNION ALL SELECT false, ${text('t')} FROM ${table} t) q GROUP BY r) q`;
  const difference = await onlyRow<TableDifference>(session, query);
  const written = common.filter(({ generated }) => !generated);
  const value = ({ name, type, copyType }: (typeof common)[number]) =>
    type === copyType ? `n.${name}` : `n.${name}::text::${type}`;
  // Without a key, equal rows are counted: as many are inserted as are missing.
  const missing = keyed
    ? `FROM ${into} n WHERE NOT EXISTS (SELECT FROM ${table} t WHERE ${equal})`
    : `FROM (SELECT n.*, ${text('n')} AS "its text", row_number() OVER (PARTITION BY ${text('n')}) AS "its number" FROM ${into} n) n LEFT JOIN (SELECT ${text('t')} AS "its text", count(*) AS "there are" FROM ${table} t GROUP BY 1) t USING ("its text") WHERE n."its number" > coalesce(t."there are", 0)`;
  const overriding = written.some(({ identity }) => identity === 'a') ? ' OVERRIDING SYSTEM VALUE' : '';
  const set = written.filter(({ name, identity }) => !key.includes(name) && identity !== 'a');
  return {
    difference,
    putBack: {
      insert:
        difference.onlyThen === 0 || written.length === 0
          ? null
          : `INSERT INTO ${live.quoted} (${written.map(({ name }) => name).join(', ')})${overriding} SELECT ${written.map(value).join(', ')} ${missing}`,
      update:
        !difference.changed || set.length === 0
          ? null
          : `UPDATE ${table} t SET ${set.map((one) => `${one.name} = ${value(one)}`).join(', ')} FROM ${into} n WHERE ${equal} AND ${different}`,
    },
  };
}

/** Compares by text: every type has a text, but not every type has an equality operator. */
function asText(of: 't' | 'n', name: string): string {
  return `${of}.${name}::text COLLATE "C"`;
}

/** Drops a copy if it has this comment. */
export async function dropCopy(session: Session, into: string, comment: string): Promise<void> {
  const [found] = await session.rows<{ ours: boolean }>(
    `SELECT obj_description(oid, 'pg_class') = ${literal(comment)} AS ours FROM pg_class WHERE oid = to_regclass(${literal(into)})`,
  );
  if (found?.ours) await session.run(`DROP TABLE ${into};`);
}

/** @throws UserError TABLE_EXISTS, SCHEMA_MISSING */
export async function assertFree(session: Session, schema: string, name: string): Promise<string> {
  const { quoted, there, missing } = await onlyRow<{ quoted: string; there: boolean; missing: boolean }>(
    session,
    `SELECT q.quoted, to_regclass(q.quoted) IS NOT NULL AS there, to_regnamespace(quote_ident(${literal(schema)})) IS NULL AS missing
       FROM (SELECT format('%I.%I', ${literal(schema)}::text, ${literal(name)}::text) AS quoted) q`,
  );
  if (missing) {
    throw new UserError({
      code: 'SCHEMA_MISSING',
      message: `there is no schema ${schema} now, in which ${quoted} could be made`,
      hint: `--into public.${name}`,
    });
  }
  if (!there) return quoted;
  throw new UserError({
    code: 'TABLE_EXISTS',
    message: `there is a table ${quoted} already`,
    hint: `--into another name, or drop it:  DROP TABLE ${quoted}`,
  });
}
