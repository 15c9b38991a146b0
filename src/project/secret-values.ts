import { isSecretName, redact, Secret } from '../system/secret.js';
import type { ComposeProject } from './model.js';
import { readSecretFile } from './secret-file.js';

/** Shorter values occur in a text by chance. */
const FEWEST_CHARACTERS = 8;

/**
 * Returns the values of the project that must not be printed anywhere: the content of its secrets' files, and
 * the variables and build arguments whose names suggest a secret.
 * @param variables more variables to look at, such as the project environment's
 */
export function secretValues(
  project: ComposeProject,
  variables: Iterable<readonly [string, string]> = [],
): string[] {
  const files = Object.values(project.secrets).flatMap(({ file }) =>
    file ? (readSecretFile(file) ?? []) : [],
  );
  const named = Object.values(project.services).flatMap(({ environment, build }) => [
    ...Object.entries(environment),
    ...Object.entries(build?.args ?? {}),
  ]);
  const values = [...named, ...variables].flatMap(([name, value]) =>
    value !== null && isSecretName(name) ? [value] : [],
  );
  const found = new Set([...files, ...values].map((value) => value.trim()));
  // The longest first, because one may be a part of another.
  return [...found].filter((value) => value.length >= FEWEST_CHARACTERS).sort((a, b) => b.length - a.length);
}

function maskValues(text: string, values: readonly string[]): string {
  let masked = text;
  for (const value of values) masked = masked.replaceAll(value, String(new Secret(value)));
  return masked;
}

/**
 * Masks these values in a free text, and then everything that looks like a credential. The order matters:
 * `redact` alone would hide the first word of a passphrase, and the rest of it would not be found any more.
 */
export function maskText(text: string, values: readonly string[]): string {
  return redact(maskValues(text, values));
}

/** Returns the same data with these values masked in each of its strings. */
export function maskData<T>(data: T, values: readonly string[]): T {
  if (typeof data === 'string') return maskValues(data, values) as T;
  if (Array.isArray(data)) return data.map((one) => maskData(one, values)) as T;
  if (typeof data !== 'object' || data === null) return data;
  return Object.fromEntries(Object.entries(data).map(([key, one]) => [key, maskData(one, values)])) as T;
}
