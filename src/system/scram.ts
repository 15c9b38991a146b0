import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { Secret } from './secret.js';

/** PostgreSQL's own defaults (`scram_iterations`, and SCRAM_DEFAULT_SALT_LEN of its scram-common.h). */
const ITERATIONS = 4096;
const SALT_BYTES = 16;

/**
 * Returns PostgreSQL's stored form of a password, in the format of RFC 5803, computed by RFC 5802 with 7677.
 * Given to `ALTER ROLE` instead of the password, it keeps the plain text off the server and its logs.
 * @param password non-ASCII characters are normalised by NFKC, which equals SASLprep except for rare
 * characters.
 */
export function scramVerifier(password: Secret, salt = randomBytes(SALT_BYTES)): Secret {
  const salted = pbkdf2Sync(password.reveal().normalize('NFKC'), salt, ITERATIONS, 32, 'sha256');
  const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest('base64');
  const serverKey = hmac(salted, 'Server Key').toString('base64');
  return new Secret(`SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${storedKey}:${serverKey}`);
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
