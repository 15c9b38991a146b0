import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isSecretName } from '../system/secret.js';
import { fillEnvFile } from '../template/merge.js';
import { readValues } from './env-files.js';
import { looksLikePlaceholder } from './placeholders.js';

export const SECRET_BYTES = 48;

/** Whether a secret can be a random value. A password that another party also knows cannot. */
export function isGenerated(name: string): boolean {
  return isSecretName(name) && !/PASSW|PWD|DSN|CREDENTIAL/i.test(name);
}

/** The text of an example with a random value in place of each placeholder of a secret. */
export function fromExample(example: string): string {
  const text = readFileSync(example, 'utf8');
  const examples = readValues(example);
  // An example with a syntax error is copied unchanged: `env.syntax` then names the line.
  if (!examples) return text;
  const values = new Map<string, string>();
  for (const [name, { value }] of examples) {
    if (isGenerated(name) && looksLikePlaceholder(value)) {
      values.set(name, randomBytes(SECRET_BYTES).toString('base64url'));
    }
  }
  return fillEnvFile(text, values);
}
