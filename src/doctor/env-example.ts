import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isSecretName } from '../system/secret.js';
import { fillEnvFile } from '../template/merge.js';
import { readValues } from './env-files.js';
import { looksLikePlaceholder } from './placeholders.js';

export const SECRET_BYTES = 48;

/** Whether a secret may be anything random. A password is known to somebody else as well, and may not. */
export function isGenerated(name: string): boolean {
  return isSecretName(name) && !/PASSW|PWD|DSN|CREDENTIAL/i.test(name);
}

/** The text of an example with a random value for each secret that it has a placeholder for. */
export function fromExample(example: string): string {
  const text = readFileSync(example, 'utf8');
  const examples = readValues(example);
  // An example with a mistake in it is copied as it is: `env.syntax` then names the line.
  if (!examples) return text;
  const values = new Map<string, string>();
  for (const [name, { value }] of examples) {
    if (isGenerated(name) && looksLikePlaceholder(value)) {
      values.set(name, randomBytes(SECRET_BYTES).toString('base64url'));
    }
  }
  return fillEnvFile(text, values);
}
