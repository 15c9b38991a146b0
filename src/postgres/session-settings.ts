import { databaseWord } from '../system/argv.js';

/**
 * Settings of our own sessions, which override those that a project has set for a database, a role or the
 * server: an option of the connection has priority over all of them. Every PostgreSQL from 14 on knows each
 * name; plpgsql's settings are accepted before its library is loaded.
 * (postgresql.org/docs/current/runtime-config-client.html)
 */
const ANYBODY = [
  'statement_timeout=0',
  'lock_timeout=0',
  'idle_in_transaction_session_timeout=0',
  'idle_session_timeout=0',
  'default_transaction_read_only=off',
  'default_transaction_isolation=read committed',
  'default_transaction_deferrable=off',
  // Raises an error if a policy would hide rows from a query.
  'row_security=off',
  'role=none',
  // A user's function cannot hide one of PostgreSQL's own, and a name has the same text on every server.
  'search_path=pg_catalog',
  'standard_conforming_strings=on',
  'quote_all_identifiers=off',
  // A load must not read NULL in an array as a text, nor `x = NULL` in a view as `x IS NULL`.
  'array_nulls=on',
  'transform_null_equals=off',
  // Rows are counted by reading the table: where the visibility map is behind, as after many updates, an index-only
  // scan looks at a page again for each row, which takes four times as long.
  'enable_indexonlyscan=off',
  'client_min_messages=notice',
  'plpgsql.extra_errors=none',
];

/** Only a superuser's session may set these; another user's connection would fail. */
const SUPERUSER = [
  'session_replication_role=origin',
  'temp_file_limit=-1',
  // Some of our statements contain secrets.
  'log_statement=none',
  'log_duration=off',
  'log_min_duration_statement=-1',
  'log_min_duration_sample=-1',
  'log_transaction_sample_rate=0',
  'log_min_error_statement=panic',
  // A damaged page raises an error. It must not become a page of zeros in a backup.
  'zero_damaged_pages=off',
  'ignore_checksum_failure=off',
  'plpgsql.variable_conflict=error',
];

/** The first major that knows these settings; an unknown name ends the connection. */
const SINCE = 17;
const ANYBODY_SINCE = ['transaction_timeout=0'];
/** Login triggers write rows. Other event triggers fire on the objects that a restore makes. */
const SUPERUSER_SINCE = ['event_triggers=off'];

export interface SessionSettings {
  /** Major version of the server. */
  major: number;
  superuser: boolean;
  /** More settings, as `name=value`. */
  more?: readonly string[];
}

/** Returns the value of the connection option `options` (libpq's PGOPTIONS) for a session of our own. */
export function sessionOptions({ major, superuser, more = [] }: SessionSettings): string {
  return options([
    ...ANYBODY,
    ...(major >= SINCE ? ANYBODY_SINCE : []),
    ...(superuser ? SUPERUSER : []),
    ...(superuser && major >= SINCE ? SUPERUSER_SINCE : []),
    ...more,
  ]);
}

/** Joins the settings. A space ends a word there, unless it follows a backslash. */
function options(settings: readonly string[]): string {
  return settings.map((setting) => `-c ${setting.replaceAll(/[\\ ]/g, '\\$&')}`).join(' ');
}

/**
 * Returns a shell command that runs a client program beside the server with {@link sessionOptions} in its
 * environment. The shell reads the server's major from its data folder (or from its programs, if PGDATA does
 * not lead there), and asks the server whether the user is a superuser.
 * @param login over the local socket.
 * @param more as in {@link SessionSettings}
 */
export function withSessionOptions(
  command: readonly string[],
  login: { user: string; database: string },
  more: readonly string[] = [],
): string[] {
  const optionsOf = (major: number, superuser: boolean) => `'${sessionOptions({ major, superuser, more })}'`;
  const script = `
{ read -r v <"$PGDATA/PG_VERSION"; } 2>/dev/null || v=$(postgres --version 2>/dev/null || psql --version)
v=\${v#*) }; v=\${v%%[!0-9]*}
if [ "\${v:-0}" -ge ${SINCE} ]
then PGOPTIONS=${optionsOf(SINCE, true)} v=${optionsOf(SINCE, false)}
else PGOPTIONS=${optionsOf(SINCE - 1, true)} v=${optionsOf(SINCE - 1, false)}
fi
export PGOPTIONS
psql --username="$1" --dbname="$2" -Xwqc '' </dev/null >/dev/null 2>&1 || PGOPTIONS=$v
shift 2
exec "$@"`;
  return ['sh', '-c', script, 'sh', login.user, databaseWord(login.database), ...command];
}
