/** A statement as psql would send it. Valid only while its event is handled. */
export interface SqlStatement {
  /** Offset of its first byte, after blanks and comments. */
  start: number;
  /** Offset after its semicolon. */
  end: number;
  /** 1-based line of its first byte. */
  line: number;
  /** Its unquoted words outside of parentheses in lower case, the first 24 of them. */
  words: readonly string[];
  /** Number of parentheses that open after VALUES: the rows of an INSERT as pg_dump writes it. */
  rows: number;
  /** False: the text ended before its semicolon. */
  whole: boolean;
  /** Its first bytes: `most`, or 1,024 by default; one character each. */
  head(most?: number): string;
}

/** A psql command: from a backslash outside of quotes to the end of its line. */
export interface PsqlCommand {
  start: number;
  end: number;
  line: number;
  /** One character per byte, 1,024 at most. */
  text: string;
  /** True: it is inside a statement, which continues after it. */
  within: boolean;
}

/** A comment from `--` to the end of its line, between statements. */
export interface SqlComment extends Omit<PsqlCommand, 'within'> {
  /** Whether its line ends in CR LF. */
  returns: boolean;
}

/** The rows after a `COPY … FROM stdin`. */
export interface CopyData {
  /** Number of lines before the line that ends them. */
  rows: number;
  /** False: the text ended before `\.`. */
  whole: boolean;
  /** Something other than a comment follows the semicolon of the COPY: psql runs it after the rows. */
  trailing: boolean;
}

export interface SqlEvents {
  statement(statement: SqlStatement): void;
  psqlCommand(command: PsqlCommand): void;
  /** The rows of the preceding statement. */
  copyData(data: CopyData): void;
  comment(comment: SqlComment): void;
}

/** The construct that is open at the end of a text. */
export type OpenSql =
  | 'statement'
  | 'string'
  | 'identifier'
  | 'dollar quote'
  | 'comment'
  | 'psql command'
  | 'copy data';
