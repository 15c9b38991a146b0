import type { Session } from '../engine/database-access.js';
import { Secret } from '../system/secret.js';
import { identifier, literal } from '../system/sql.js';
import { onlyRow } from './session.js';

/** Returns the server's stored verifier of the role's password; null if it has none. */
export async function readVerifier(session: Session, role: string): Promise<Secret | null> {
  const { verifier } = await onlyRow<{ verifier: string | null }>(
    session,
    `SELECT rolpassword AS verifier FROM pg_authid WHERE rolname = ${literal(role)}`,
  );
  return verifier === null ? null : new Secret(verifier);
}

/**
 * Sets the role's password by its verifier. No log of statements contains it, and it is on the disk before
 * this returns.
 */
export async function writeVerifier(session: Session, role: string, verifier: Secret | null): Promise<void> {
  await session.run(`
    BEGIN;
    SET LOCAL log_statement = 'none';
    SET LOCAL log_min_duration_statement = -1;
    SET LOCAL log_min_error_statement = 'panic';
    SET LOCAL synchronous_commit = 'on';
    ALTER ROLE ${identifier(role)} PASSWORD ${verifier === null ? 'NULL' : literal(verifier.reveal())};
    COMMIT;`);
}
