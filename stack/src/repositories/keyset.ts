import { createHash } from 'node:crypto';
import type { Database, Statement } from '../database/database.js';

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
}

/**
 * Reads one page of a list by its keys: page 1,000 costs what page 1 costs, and rows that come or go meanwhile
 * neither repeat nor hide another. PostgreSQL builds the JSON, which is several times faster than to do it here.
 */
export async function listPage(database: Database, query: KeysetQuery): Promise<Page> {
  const { table, shown, column, descending, limit, after } = query;
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
  const keys = column === 'id' ? ['id'] : [column, 'id'];
  if (after) {
    const start = values.length;
    values.push(...(column === 'id' ? [after.id] : [after.key, after.id]));
    const parameters = keys.map((_, index) => `$${start + index + 1}`);
    conditions.push(`(${keys.join(', ')}) ${descending ? '<' : '>'} (${parameters.join(', ')})`);
  }
  const direction = descending ? 'DESC' : 'ASC';
  const text = `
    SELECT coalesce(json_agg(row_to_json(shown)) FILTER (WHERE position <= ${limit}), '[]')::text AS json,
      CASE WHEN count(*) > ${limit} THEN max(key) FILTER (WHERE position = ${limit}) END AS key,
      CASE WHEN count(*) > ${limit} THEN max(id) FILTER (WHERE position = ${limit}) END AS id
    FROM (
      SELECT ${column} AS key, id, row_number() OVER () AS position, (SELECT s FROM (SELECT ${shown}) AS s) AS shown
      FROM (
        SELECT * FROM ${table}
        ${where()}
        ORDER BY ${keys.map((key) => `${key} ${direction}`).join(', ')}
        LIMIT ${limit + 1}
      ) AS found
    ) AS page`;
  const [row] = await database.query<{ json: string; key: string | number | null; id: number | null }>(
    limit === DEFAULT_PAGE_SIZE ? prepared(text) : { text },
    values,
  );
  if (!row) throw new Error('an aggregate has one row');
  const total = (await counting)?.[0]?.count;
  return {
    json: row.json,
    total,
    last: row.key === null || row.id === null ? null : { key: row.key, id: row.id },
  };
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
