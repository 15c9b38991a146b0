import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isSecretName } from '../system/secret.js';
import { envFiles, readValues } from './env-files.js';
import type { Facts } from './facts.js';
import { grantedSecrets } from './granted-secrets.js';

const EXAMPLE = /\.(example|sample|template|dist)$/;
const KEY_FILE = /^(.+\.(pem|key)|id_(rsa|ecdsa|ed25519))$/;
const PASSED_OVER = new Set(['node_modules', '.git', '.venv', 'venv', 'dist', 'vendor', '.invctl']);
const DEEPEST = 4;

/**
 * Files of secrets, and env files that contain a secret. Absolute paths; only those inside of the project.
 */
export function sensitiveFiles(facts: Facts): string[] {
  const secrets = grantedSecrets(facts).map(({ file }) => file);
  const settings = envFiles(facts).flatMap(({ file }) => (holdsSecret(file) ? [file] : []));
  return [...new Set([...secrets, ...settings])].filter(
    (file) => !relative(facts.location.directory, file).startsWith('..'),
  );
}

/** Sensitive files in a folder, relative to it: env files that contain a secret, keys, and the given ones. */
export function sensitiveFilesIn(folder: string, known: readonly string[]): string[] {
  const found = new Set(known.map((file) => relative(folder, file)).filter((path) => !path.startsWith('..')));
  const visit = (at: string, depth: number) => {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) {
        if (depth < DEEPEST && !PASSED_OVER.has(entry.name)) visit(path, depth + 1);
      } else if (
        KEY_FILE.test(entry.name) ||
        (/^\.env(\.|$)/.test(entry.name) && !EXAMPLE.test(entry.name) && holdsSecret(path))
      ) {
        found.add(relative(folder, path));
      }
    }
  };
  visit(folder, 0);
  return [...found];
}

function holdsSecret(file: string): boolean {
  return [...(readValues(file) ?? [])].some(([name, { value }]) => value !== '' && isSecretName(name));
}
