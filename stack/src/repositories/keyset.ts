import { createHash } from 'node:crypto';
import type { Database, Statement } from '../database/database.js';
import { type Column, isNumber, RecordReader, recordsOf } from '../database/records.js';

/** The page size whose statements are prepared; see `prepared`. */
const DEFAULT_PAGE_SIZE = 50;

/** A page's rows as one JSON array, and where it ended if there is more. */
export interface Page {
  readonly json: string;
  readonly last: { readonly key: string | number; readonly id: number } | null;
  /** How many rows there are on all pages, where that was asked for. */
  readonly total?: number | undefined;
}

export interface KeysetQuery {
  readonly table: string;
  /** Select list that becomes the JSON of a row. */
  readonly shown: string;
  /** The column to sort by; ties are broken by id. */
  readonly column: string;
  readonly descending: boolean;
  readonly limit: number;
  readonly after: { readonly key: string | number; readonly id: number } | undefined;
  /** SQL conditions with a `?` for each value, and the values. */
  readonly conditions: readonly (readonly [sql: string, ...values: unknown[]])[];
  /** Whether all rows are counted as well. Unlike a page, that costs more the more there are. */
  readonly total?: boolean | undefined;
  /** Whether no two rows have the same in the column, as in that of the id. */
  readonly unique?: boolean;
  /** Whether the conditions keep nearly every row, so that a page is found at once. */
  readonly quick?: boolean;
}

/**
 * Reads one page of a list by its keys: page 1,000 costs what page 1 costs, and rows that come or go meanwhile
 * neither repeat nor hide another.
 */
export async function listPage(database: Database, query: KeysetQuery): Promise<Page> {
  const { table, shown, column, descending, limit, after, quick = false } = query;
  const unique = query.unique || column === 'id';
  const values: unknown[] = [];
  const conditions = query.conditions.map(([sql, ...conditionValues]) => {
    let next = values.push(...conditionValues) - conditionValues.length;
    return sql.replaceAll('?', () => {
      next += 1;
      return `$${next}`;
    });
  });
  const where = () => (conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '');
  const counting = query.total
    ? database.query<{ count: number }>({ text: `SELECT count(*) FROM ${table} ${where()}` }, [...values])
    : undefined;
  // Waited for below; a page that fails must not leave it unhandled.
  counting?.catch(() => {});
  const keys = unique ? [column] : [column, 'id'];
  if (after) {
    const start = values.length;
    const { key, id } = after;
    values.push(...(column === 'id' ? [id] : unique ? [key] : [key, id]));
    const parameters = keys.map((_, index) => `$${start + index + 1}`);
    conditions.push(`(${keys.join(', ')}) ${descending ? '<' : '>'} (${parameters.join(', ')})`);
  }
  const columns = `${column}, id, ${shown}`;
  const { described, reader } = await layoutOf(database, columns, table);
  const text = recordsOf(
    `SELECT ${columns}
    FROM (
      SELECT * FROM ${table}
      ${where()}
      ORDER BY ${keys.map((key) => `${key} ${descending ? 'DESC' : 'ASC'}`).join(', ')}
      LIMIT ${limit + 1}
    ) AS found`,
    described,
  );
  const statement = limit === DEFAULT_PAGE_SIZE ? prepared(text) : { text };
  const [row] = await (quick
    ? database.readPage<{ records: string | null }>(statement, values)
    : database.query<{ records: string | null }>(statement, values));
  if (!row) throw new Error('an aggregate has one row');
  const total = (await counting)?.[0]?.count;
  const { json, last } = reader.read(row.records, limit);
  const [key, id] = last ?? [];
  return {
    json,
    total,
    last: key == null ? null : { key: isNumber(described[0]) ? Number(key) : key, id: Number(id) },
  };
}

interface Layout {
  readonly described: readonly Column[];
  readonly reader: RecordReader;
}

const layouts = new Map<string, Promise<Layout>>();

/** The columns of a list, asked for once: the key, the id, and those that are shown. */
function layoutOf(database: Database, columns: string, table: string): Promise<Layout> {
  const text = `SELECT ${columns} FROM (SELECT * FROM ${table}) AS found LIMIT 0`;
  let layout = layouts.get(text);
  if (!layout) {
    layout = database
      .describe({ text })
      .then((described) => ({ described, reader: new RecordReader(described, 2) }));
    layouts.set(text, layout);
    layout.catch(() => layouts.delete(text));
  }
  return layout;
}

const statements = new Map<string, Statement>();

/**
 * A named statement for a text. The limit is part of the text: as a parameter it would be unknown to a prepared
 * plan, which would then sort the whole table. So only one page size is prepared, or there would be hundreds.
 */
function prepared(text: string): Statement {
  let statement = statements.get(text);
  if (!statement) {
    statement = { name: createHash('sha256').update(text).digest('hex').slice(0, 32), text };
    statements.set(text, statement);
  }
  return statement;
}
