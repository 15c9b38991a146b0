import pg from 'pg';

// Rows as JSON, of what PostgreSQL writes for a record: (1,"blue teapot",,2.50). When it builds JSON itself, it looks up the
// type of each value of each row: a page of 50 items takes it 360 µs then, and 130 as records, which are read here in 50.

/** A column of a query. */
export interface Column {
  readonly name: string;
  /** The OID of its type. */
  readonly type: number;
}

const { builtins } = pg.types;
const verbatim = (text: string) => text;
/** NaN and infinity are no JSON numbers. */
const fraction = (text: string) => (/^-?\d/.test(text) ? text : JSON.stringify(text));
/** All times are UTC here; infinity has no zone. */
const timestamp = (text: string) => {
  const zone = text.indexOf('+00');
  if (zone < 0) return JSON.stringify(text);
  const day = text.indexOf(' ');
  return `"${text.slice(0, day)}T${text.slice(day + 1, zone)}+00:00${text.slice(zone + 3)}"`;
};

/** What the text of a value is as JSON, by the OID of its type. */
const JSON_OF: Readonly<Record<number, (text: string) => string>> = {
  [builtins.BOOL]: (text) => (text === 't' ? 'true' : 'false'),
  [builtins.INT2]: verbatim,
  [builtins.INT4]: verbatim,
  [builtins.INT8]: verbatim,
  [builtins.FLOAT4]: fraction,
  [builtins.FLOAT8]: fraction,
  [builtins.NUMERIC]: fraction,
  [builtins.JSON]: verbatim,
  [builtins.JSONB]: verbatim,
  [builtins.TEXT]: JSON.stringify,
  [builtins.VARCHAR]: JSON.stringify,
  [builtins.UUID]: JSON.stringify,
  [builtins.DATE]: JSON.stringify,
  [builtins.TIMESTAMPTZ]: timestamp,
};

/** Whether a key of this column is a number in a cursor. */
export function isNumber(column: Column | undefined): boolean {
  return column?.type === builtins.INT8 || column?.type === builtins.INT4;
}

/**
 * SQL for the records of a query's rows, one after the other, as one text; NULL where there are none.
 *
 * @param query a SELECT with these columns.
 */
export function recordsOf(query: string, columns: readonly Column[]): string {
  const names = columns.map((_, index) => `c${index}`);
  // What is not known here is JSON before it becomes a record.
  const fields = columns.map(({ type }, index) => (JSON_OF[type] ? names[index] : `to_json(c${index})`));
  return `SELECT string_agg(record::text, '') AS records
    FROM (SELECT ${fields.join(', ')} FROM (${query}) AS unnamed (${names.join(', ')})) AS record`;
}

/** The first records of a text, and where the last of them leads. */
export interface Records {
  /** A JSON array of the rows as objects. */
  readonly json: string;
  /** The fields before those of the objects, of the last row of them, if there are more rows. */
  readonly last: readonly (string | null)[] | undefined;
}

/** Reads records of columns, of which the first `hidden` do not become JSON. */
export class RecordReader {
  readonly #hidden: number;
  readonly #fields: readonly { readonly head: string; readonly json: (text: string) => string }[];

  constructor(columns: readonly Column[], hidden: number) {
    this.#hidden = hidden;
    this.#fields = columns.slice(hidden).map(({ name, type }, index) => ({
      head: `${index === 0 ? '{' : ','}${JSON.stringify(name)}:`,
      json: JSON_OF[type] ?? verbatim,
    }));
  }

  /**
   * @param text what `recordsOf` gives.
   * @param limit of the rows, in which there may be one more.
   */
  read(text: string | null, limit: number): Records {
    if (text === null) return { json: '[]', last: undefined };
    const hidden: (string | null)[] = [];
    const total = this.#hidden + this.#fields.length;
    let json = '';
    let position = 0;
    for (let row = 0; row < limit && position < text.length; row += 1) {
      json += row === 0 ? '[' : ',';
      for (let index = 0; index < total; index += 1) {
        // Behind a parenthesis or a comma.
        position += 1;
        let value: string | null;
        if (text.charCodeAt(position) === QUOTE) {
          const start = position + 1;
          let end = text.indexOf('"', start);
          let doubled = false;
          while (text.charCodeAt(end + 1) === QUOTE) {
            end = text.indexOf('"', end + 2);
            doubled = true;
          }
          value = text.slice(start, end);
          if (doubled) value = value.replaceAll('""', '"');
          if (value.includes('\\')) value = value.replaceAll('\\\\', '\\');
          position = end + 1;
        } else {
          const end = text.indexOf(index === total - 1 ? ')' : ',', position);
          value = end === position ? null : text.slice(position, end);
          position = end;
        }
        const field = this.#fields[index - this.#hidden];
        if (field) json += field.head + (value === null ? 'null' : field.json(value));
        else hidden[index] = value;
      }
      json += '}';
      position += 1;
    }
    return { json: `${json}]`, last: position < text.length ? hidden : undefined };
  }
}

const QUOTE = '"'.charCodeAt(0);
