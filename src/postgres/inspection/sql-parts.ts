/**
 * Largest number of rows in a section with many objects; the others are only counted in its totals, or are
 * smaller.
 */
export const MOST_ROWS = 50;

/** Tables of users, in a query over `pg_class c JOIN pg_namespace n`. */
export const OF_PEOPLE = `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relpersistence <> 't'`;

/**
 * A common table expression `held`: relations on which a session holds or awaits a lock that reading their
 * size would wait for. It needs no privilege.
 */
export const HELD = `held AS MATERIALIZED (
  SELECT DISTINCT relation FROM pg_locks
   WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock'
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`;

/** The same for reading a sequence, which takes a writer's lock. */
export const HELD_SEQUENCES = `held AS MATERIALIZED (
  SELECT DISTINCT relation FROM pg_locks
   WHERE locktype = 'relation'
     AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`;

/**
 * Bytes on disk of a table, an index or a TOAST table; for a locked one, the size that its last VACUUM
 * counted.
 */
export function bytesOf(alias: string): string {
  return `CASE WHEN ${alias}.oid IN (SELECT relation FROM held)
    THEN ${alias}.relpages::bigint * current_setting('block_size')::int
    ELSE coalesce(pg_relation_size(${alias}.oid) + pg_relation_size(${alias}.oid, 'fsm')
      + pg_relation_size(${alias}.oid, 'vm'), 0) END`;
}

/** Seconds from that time until now. */
export function secondsSince(time: string): string {
  return `greatest(0, extract(epoch FROM clock_timestamp() - ${time}))::float8`;
}

/** A statement on one line, its first 500 characters, cut before a part that sets or compares a password. */
export function oneLine(statement: string): string {
  return `left(regexp_replace(regexp_replace(${statement}, '\\s+', ' ', 'g'),
    '(password ?= ?|password e?'').*$', '\\1[redacted]', 'i'), 500)`;
}

/** Excludes sessions of invctl itself. */
export const NOT_OURS = `a.pid <> pg_backend_pid() AND a.application_name NOT LIKE 'invctl%'`;
