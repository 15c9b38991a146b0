import { randomBytes } from 'node:crypto';
import { Secret } from './secret.js';

/** A new random value, URL-safe, so that no shell, URL, env file or entrypoint reads it in another way. */
export function randomSecret(bytes: number): Secret {
  return new Secret(randomBytes(bytes).toString('base64url'));
}
