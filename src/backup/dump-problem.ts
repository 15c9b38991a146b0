/** Something about a plain SQL dump that a person should know before it is restored. */
export interface DumpProblem {
  kind:
    | 'empty'
    | 'no-footer'
    | 'unfinished-copy'
    | 'unfinished-statement'
    | 'crlf'
    | 'utf-16'
    | 'nul'
    | 'meta-command'
    | 'copy-line'
    | 'server-wide'
    | 'data-only'
    | 'other-database'
    | 'no-database'
    | 'foreign'
    | 'restrict'
    | 'transaction-timeout'
    | 'create'
    | 'clean'
    | 'subscription'
    | 'cluster';
  /** 1-based; absent where it concerns the whole file. */
  line?: number;
  message: string;
  /** True: restoring it could lose data or do something else than restore. */
  unsafe: boolean;
  /** What to type, where it is not the usual. */
  hint?: string;
}

export const FOOTER = '-- PostgreSQL database dump complete';
export const CLUSTER_FOOTER = '-- PostgreSQL database cluster dump complete';

export function foreign(maker: string): Omit<DumpProblem, 'kind'> {
  return {
    unsafe: true,
    message: `it is a dump of another database system (${maker}), in an SQL of its own`,
    hint: 'pgloader brings such data into PostgreSQL: https://pgloader.io',
  };
}

export const EMPTY_FILE = {
  unsafe: true,
  message: 'it is empty: the command that should have written it failed',
};
export const NO_FOOTER = {
  unsafe: true,
  message: `its last words ("${FOOTER}") are missing: the file was cut off, or is not a dump`,
};
export const NO_CLUSTER_FOOTER = {
  unsafe: true,
  message: `its last words ("${CLUSTER_FOOTER}") are missing: the file was cut`,
};
export const UTF_16 = {
  unsafe: true,
  message:
    'it is UTF-16 text, as the redirection of Windows PowerShell writes it; every letter beyond ASCII may be lost',
  hint: 'take it again without a redirection of PowerShell: invctl db backup, or pg_dump --file=…, or from cmd.exe',
};
export const CRLF: DumpProblem = {
  kind: 'crlf',
  line: 1,
  unsafe: true,
  message:
    'all its lines end in CR LF: it went through a terminal (docker exec -t) or a Windows text tool, which changes the data as well',
};
export const PARTLY_CRLF = {
  unsafe: true,
  message:
    'a line of pg_dump itself ends in CR LF: a part of the file went through a terminal or a Windows text tool, which changes the data as well',
  hint: 'take it again: invctl db backup, or pg_dump --file=…',
};
export const DATA_ONLY = {
  unsafe: true,
  message: 'it has rows and makes no table (pg_dump --data-only): nothing in a new database can take them',
  hint: 'restore a dump with the tables; to add these rows to the tables that are there: invctl db exec FILE',
};
