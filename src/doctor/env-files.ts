import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { itemsAt } from '../project/canonical.js';
import { parseEnvFile } from '../project/env-file.js';
import { mapAt, textAt } from '../project/tree.js';
import type { Facts } from './facts.js';

/** An env file and the example beside it, if there is one. */
export interface ListedEnvFile {
  /** Absolute. */
  file: string;
  example?: string;
  /** Services that list it under `env_file`; none for the project's own `.env`. */
  services: string[];
}

/** Every env file that a service lists, and the project's `.env`, each once, whether it is there or not. */
export function envFiles(facts: Facts): ListedEnvFile[] {
  const found = new Map<string, string[]>();
  const { loaded, location } = facts.reading;
  for (const service of loaded?.active ?? []) {
    for (const entry of itemsAt(mapAt(loaded?.tree, 'services', service), 'env_file')) {
      const file = textAt(entry, 'path');
      if (file) found.set(file, [...(found.get(file) ?? []), service]);
    }
  }
  for (const file of location.envFiles) if (!found.has(file)) found.set(file, []);
  return [...found].map(([file, services]) => {
    const example = exampleOf(file);
    return { file, services, ...(example === undefined ? {} : { example }) };
  });
}

/** The example beside an env file, by the names in use: `.env.example`, `env.sample`, `example.env`. */
export function exampleOf(file: string): string | undefined {
  const name = basename(file);
  const plainName = name.replace(/^\./, '');
  return [
    ...EXAMPLE_WORDS.map((word) => `${name}.${word}`),
    ...EXAMPLE_WORDS.map((word) => `${plainName}.${word}`),
    ...EXAMPLE_WORDS.map((word) => `${word}.${plainName}`),
  ]
    .map((example) => join(dirname(file), example))
    .find((path) => existsSync(path));
}

const EXAMPLE_WORDS = ['example', 'sample', 'template', 'dist'];

/** Values and lines of an env file, not interpolated; undefined where it cannot be read or has a mistake. */
export function readValues(file: string): Map<string, { value: string; line: number }> | undefined {
  try {
    const { entries } = parseEnvFile(readFileSync(file, 'utf8'), () => undefined);
    return new Map(entries.map(({ name, value, line }) => [name, { value, line }]));
  } catch {
    return undefined;
  }
}
