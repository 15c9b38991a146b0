import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';

/**
 * A fingerprint that shows whether the content of a secret changed without revealing it. Everybody who may
 * list secrets can read their labels, and a password may be short: a salted, slow hash (scrypt, RFC 7914,
 * with Node's cost of 2^14) keeps it from being guessed.
 */
export function fingerprint(content: Buffer, salt = randomBytes(16)): string {
  return `scrypt:${salt.toString('base64')}:${scryptSync(content, salt, 32).toString('base64')}`;
}

/** False also for text that is not a fingerprint. */
export function hasFingerprint(content: Buffer, written: string | undefined): boolean {
  const [kind, salt = '', hash = ''] = written?.split(':') ?? [];
  if (kind !== 'scrypt') return false;
  const known = Buffer.from(hash, 'base64');
  const own = scryptSync(content, Buffer.from(salt, 'base64'), 32);
  return known.length === own.length && timingSafeEqual(known, own);
}
