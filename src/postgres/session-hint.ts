/** Returns what to type after the server refused a session with this message. */
export function sessionHint(said: string): string {
  return /(?:role|database) "[^"]*" does not exist/.test(said)
    ? 'invctl doctor --only db.role-missing,db.database-missing      (what is there, and what makes the other)'
    : 'invctl ps      (is the database up?), invctl logs';
}
