import type { Session } from '../engine/database-access.js';
import { UserError } from '../errors.js';
import { literal } from '../system/sql.js';
import { onlyRow } from './session.js';
import type { Table } from './tables.js';

/** A column of a table, names quoted where they have to be. */
export interface Column {
  name: string;
  /** With its modifier: `numeric(12,2)`. */
  type: string;
  /** Name of the type alone, which another server can be asked for. */
  typeName: string;
  notNull: boolean;
  /** Its value is computed from others. */
  generated: boolean;
  /** `a`: GENERATED ALWAYS, `d`: BY DEFAULT; empty: no identity. */
  identity: '' | 'a' | 'd';
  /** As SQL; of a generated column none. */
  default: string | null;
  collation: string | null;
}

/** What a copy of a table is made with. */
export interface TableDefinition {
  columns: Column[];
  /** As pg_get_constraintdef() writes it; null: it has none. */
  primaryKey: string | null;
  /** Columns of the primary key. */
  key: string[];
  /** Shapes of the columns' types, by their names. */
  types: Record<string, TypeShape>;
  /** What stays with the table: counts. */
  foreignKeys: number;
  checks: number;
  indexes: number;
  triggers: number;
  policies: number;
  /** Tables whose foreign keys lead to it, and what a deletion does to their rows (`pg_constraint.confdeltype`). */
  referrers: { table: string; onDelete: string }[];
}

/** What decides whether two servers mean the same by a type's name. */
interface TypeShape {
  labels: string[] | null;
  /** Of a composite type. */
  attributes: string[] | null;
  /** Of a domain. */
  base: string | null;
  constraints: string[] | null;
}

/** Of an array: its elements' type. */
const ELEMENT = `CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN t.typelem ELSE t.oid END`;
const SHAPE = `
  (SELECT json_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = e.oid) AS labels,
  (SELECT json_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum)
     FROM pg_attribute a WHERE a.attrelid = e.typrelid AND e.typrelid <> 0 AND a.attnum > 0 AND NOT a.attisdropped) AS attributes,
  CASE WHEN e.typtype = 'd' THEN format_type(e.typbasetype, e.typtypmod) END AS base,
  CASE WHEN e.typtype = 'd' THEN (
    SELECT coalesce(json_agg(pg_get_constraintdef(k.oid) ORDER BY 1), '[]')
      FROM pg_constraint k WHERE contypid = e.oid) END AS constraints`;

/** Reads a table's definition in the server that has it. */
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

/** What a column of the copy is, where the live server's types allow no other. */
interface CopyColumn extends Column {
  /** In the copy. */
  copyType: string;
  /** Why that is not the type that it had; undefined: it is. */
  why?: string;
}

/**
 * The types that the columns of a copy have in the server that gets it: their own where it means the same by them, of
 * a domain that has changed what it is based on, else text.
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

/** Whether every value of the one is a value of the other, written alike. */
function sameShape(then: TypeShape, now: TypeShape): boolean {
  const { labels, ...rest } = then;
  const { labels: labelsNow, ...restNow } = now;
  const known = labels === null ? labelsNow === null : labels.every((label) => labelsNow?.includes(label));
  return known && JSON.stringify(rest) === JSON.stringify(restNow);
}

export interface CopyTarget {
  /** Quoted, with its schema. */
  into: string;
  /** Who made it; by it, one that is not whole can be told. */
  comment: string;
  /** File that {@link copyOut} wrote, which the server reads. */
  file: string;
}

/** Writes a table's rows into a file, by the server that has them. */
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
 * Makes a table of a definition and fills it, in one transaction.
 * @returns what of the definition it has not, as a person reads it.
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

/** What a copy is left without. */
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

/** A default that depends on the table's sequence would keep the table from being dropped. */
function isSerial({ identity, default: value }: Column): boolean {
  return identity !== '' || (value !== null && /\bnextval\(/.test(value));
}

/** A statement whose error undoes it alone. */
function attempt(statement: string): string {
  return `DO ${literal(`BEGIN EXECUTE ${literal(statement)}; EXCEPTION WHEN OTHERS THEN NULL; END`)};`;
}

/** How the rows of a copy differ from those of the table that is live. */
export interface TableDifference {
  /** Rows of the copy. */
  rows: number;
  /** Rows of the table now. */
  rowsNow: number;
  onlyThen: number;
  onlyNow: number;
  /** With the same key and another content; null: there is no key to tell them by. */
  changed: number | null;
}

/** SQL that puts rows of a copy back into the table. */
export interface PutBack {
  /** Those that are missing; null: none is. */
  insert: string | null;
  /** Those that were changed; null: none is, or there is no key. */
  update: string | null;
}

/** Compares a copy with the table as it is now, by the columns that both have. */
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
  // Without a key, of rows that are alike as many as are missing.
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

/** Every type has a text, and not every one an equality. */
function asText(of: 't' | 'n', name: string): string {
  return `${of}.${name}::text COLLATE "C"`;
}

/** Drops a copy, if it is the one that bears this comment. */
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
