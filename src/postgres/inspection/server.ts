/**
 * Facts about the server that are read first: the queries of the sections and their findings depend on them.
 */
export interface Server {
  /** The value of `server_version_num`, such as 160004. */
  version: number;
  /** The version for people, such as 16.4. */
  release: string;
  /** Database of the session. */
  database: string;
  role: string;
  superuser: boolean;
  /** Whether the role sees all sessions' activity, as with `pg_monitor`. */
  seesAll: boolean;
  /** Whether it follows another server. */
  replica: boolean;
  startedAt: string;
  /** Seconds since the server's start. */
  uptimeSeconds: number;
  /** Time at which the counters of this database began; null: when it was made. */
  countersSince: string | null;
  /** Seconds for which the counters of this database have run, at most since the server's start. */
  countersSeconds: number;
  maxConnections: number;
  /**
   * Those of the connections that are reserved for superusers, or for roles with
   * `pg_use_reserved_connections`.
   */
  reservedConnections: number;
  maxWalBytes: number;
  /** Settings on the server's command line: ALTER SYSTEM cannot change them. */
  onCommandLine: string[];
  freezeMaxAge: number;
  multixactFreezeMaxAge: number;
  /** `shared_preload_libraries`; null if the role may not read it. */
  preloaded: string | null;
  /** Whether the server's installation has pg_stat_statements. */
  statementsAvailable: boolean;
  /**
   * Schema of the extension pg_stat_statements in this database, quoted; null if the extension is not
   * installed there.
   */
  statementsSchema: string | null;
}

const setting = (name: string) => `(SELECT setting FROM pg_settings WHERE name = '${name}')`;

export const SERVER_SQL = `
SELECT current_setting('server_version_num')::int AS version,
  split_part(current_setting('server_version'), ' ', 1) AS release,
  current_database() AS database, current_user AS role,
  (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
  pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS "seesAll",
  pg_is_in_recovery() AS replica,
  pg_postmaster_start_time() AS "startedAt",
  extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::float8 AS "uptimeSeconds",
  s.stats_reset AS "countersSince",
  extract(epoch FROM clock_timestamp() - coalesce(s.stats_reset, pg_postmaster_start_time()))::float8 AS "countersSeconds",
  ${setting('max_connections')}::int AS "maxConnections",
  ${setting('superuser_reserved_connections')}::int + coalesce(${setting('reserved_connections')}::int, 0) AS "reservedConnections",
  ${setting('max_wal_size')}::bigint * 1024 * 1024 AS "maxWalBytes",
  (SELECT coalesce(json_agg(name), '[]') FROM pg_settings WHERE source = 'command line') AS "onCommandLine",
  ${setting('autovacuum_freeze_max_age')}::bigint AS "freezeMaxAge",
  ${setting('autovacuum_multixact_freeze_max_age')}::bigint AS "multixactFreezeMaxAge",
  ${setting('shared_preload_libraries')} AS preloaded,
  EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_stat_statements') AS "statementsAvailable",
  (SELECT quote_ident(nspname) FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
    WHERE extname = 'pg_stat_statements') AS "statementsSchema"
FROM (SELECT) one LEFT JOIN pg_stat_database s ON s.datname = current_database()`;
