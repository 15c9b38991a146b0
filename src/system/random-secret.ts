import { randomBytes } from 'node:crypto';
import { Secret } from './secret.js';

/** Returns a new random value. It is URL-safe, so no shell, URL, env file or entrypoint changes it. */
export function randomSecret(bytes: number): Secret {
  return new Secret(randomBytes(bytes).toString('base64url'));
}
