/** Kind of a value: decides how it is shown, and its type in JSON. */
export type ColumnKind = 'text' | 'statement' | 'count' | 'bytes' | 'seconds' | 'percent' | 'time' | 'flag';

interface Values {
  text: string;
  statement: string;
  count: number;
  bytes: number;
  seconds: number;
  percent: number;
  time: string;
  flag: boolean;
}

/** A column of a section: its heading and kind in the table, and its description in the JSON schema. */
export interface Column<Kind extends ColumnKind = ColumnKind, Nullable extends boolean = boolean> {
  readonly kind: Kind;
  /** Its heading. */
  readonly title: string;
  readonly nullable: Nullable;
  /** Description for the schema, if the heading is not enough. */
  readonly about?: string;
}

export type Columns = Readonly<Record<string, Column>>;

type Value<C extends Column> = Values[C['kind']] | (C extends { readonly nullable: false } ? never : null);

/** A row in PostgreSQL's JSON. */
export type Row<C extends Columns> = { [Name in keyof C]: Value<C[Name]> };

/** A column that has a value in every row. */
export function column<Kind extends ColumnKind>(
  kind: Kind,
  title: string,
  about?: string,
): Column<Kind, false> {
  return { kind, title, nullable: false, ...(about === undefined ? {} : { about }) };
}

/** A column that is null if the server does not tell the value, or there is none. */
export function optional<Kind extends ColumnKind>(
  kind: Kind,
  title: string,
  about?: string,
): Column<Kind, true> {
  return { kind, title, nullable: true, ...(about === undefined ? {} : { about }) };
}
