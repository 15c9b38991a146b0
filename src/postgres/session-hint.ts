/** Returns what to type after the server refused a session with this message. */
export function sessionHint(said: string): string {
  if (said.includes('max_locks_per_transaction')) {
    return 'so many tables need room for their locks, as for pg_dump: start the server with -c max_locks_per_transaction=1024 (command: of its service), then: invctl up';
  }
  if (/psql"?: (?:not found|executable file not found)/.test(said)) {
    return 'name an image with the client programs of PostgreSQL (psql, pg_dump) for the service, such as postgres:18';
  }
  return /(?:role|database) "[^"]*" does not exist/.test(said)
    ? 'invctl doctor --only db.role-missing,db.database-missing      (what is there, and what makes the other)'
    : 'invctl ps      (is the database up?), invctl logs';
}
