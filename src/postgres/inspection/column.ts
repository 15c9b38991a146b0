/** What a value is: how it is shown, and what it is in JSON. */
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

/** A column of a section: its place in the table, and its description in the JSON schema. */
export interface Column<Kind extends ColumnKind = ColumnKind, Nullable extends boolean = boolean> {
  readonly kind: Kind;
  /** Its heading. */
  readonly title: string;
  readonly nullable: Nullable;
  /** For the schema, where the heading does not say it all. */
  readonly about?: string;
}

export type Columns = Readonly<Record<string, Column>>;

type Value<C extends Column> = Values[C['kind']] | (C extends { readonly nullable: false } ? never : null);

/** A row as PostgreSQL answers it in JSON. */
export type Row<C extends Columns> = { [Name in keyof C]: Value<C[Name]> };

/** A column that every row has. */
export function column<Kind extends ColumnKind>(
  kind: Kind,
  title: string,
  about?: string,
): Column<Kind, false> {
  return { kind, title, nullable: false, ...(about === undefined ? {} : { about }) };
}

/** A column that is null where the server does not tell, or there is nothing to tell. */
export function optional<Kind extends ColumnKind>(
  kind: Kind,
  title: string,
  about?: string,
): Column<Kind, true> {
  return { kind, title, nullable: true, ...(about === undefined ? {} : { about }) };
}
