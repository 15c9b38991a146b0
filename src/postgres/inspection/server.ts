/** What is asked first: what else can be asked, and how it is judged, depends on it. */
export interface Server {
  /** As of `server_version_num`: 160004. */
  version: number;
  /** As a person says it: 16.4. */
  release: string;
  /** Of the session. */
  database: string;
  role: string;
  superuser: boolean;
  /** The role sees what every session does, as with `pg_monitor`. */
  seesAll: boolean;
  /** It follows another server. */
  replica: boolean;
  startedAt: string;
  /** Since the server's start. */
  uptimeSeconds: number;
  /** When the counters of this database began, null: when it was made. */
  countersSince: string | null;
  /** Seconds that the counters of this database have run for, at most since the server's start. */
  countersSeconds: number;
  maxConnections: number;
  /** Of them, those that only a superuser, or a role with `pg_use_reserved_connections`, gets. */
  reservedConnections: number;
  maxWalBytes: number;
  /** Settings that the server's command line makes: ALTER SYSTEM changes none of them. */
  onCommandLine: string[];
  freezeMaxAge: number;
  multixactFreezeMaxAge: number;
  /** `shared_preload_libraries`; null where the role may not know. */
  preloaded: string | null;
  /** Whether the server's installation has pg_stat_statements. */
  statementsAvailable: boolean;
  /** Schema of the extension pg_stat_statements in this database, quoted; null where it is not made. */
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
