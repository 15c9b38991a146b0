import { readFileSync } from 'node:fs';
import { itemsAt } from '../project/canonical.js';
import { parseEnvFile } from '../project/env-file.js';
import { exampleOf } from '../project/project-environment.js';
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

/** Values and lines of an env file, not interpolated; undefined where it cannot be read or has a mistake. */
export function readValues(file: string): Map<string, { value: string; line: number }> | undefined {
  try {
    const { entries } = parseEnvFile(readFileSync(file, 'utf8'), () => undefined);
    return new Map(entries.map(({ name, value, line }) => [name, { value, line }]));
  } catch {
    return undefined;
  }
}
