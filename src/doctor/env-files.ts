import { readFileSync } from 'node:fs';
import { itemsAt } from '../project/canonical.js';
import { type EnvStatement, envStatements } from '../project/env-statements.js';
import { usedEnvFiles } from '../project/environment.js';
import { exampleOf } from '../project/project-environment.js';
import { mapAt, textAt } from '../project/tree.js';
import type { Facts } from './facts.js';

/** An env file and the example beside it, if there is one. */
export interface ListedEnvFile {
  /** Absolute. */
  file: string;
  example?: string;
  /** Services that list it under `env_file`; empty for the project's own `.env`. */
  services: string[];
}

/** Every env file that a service lists, and the project's `.env`, each once, whether it exists or not. */
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
    const example = exampleBeside(facts, file);
    return { file, services, ...(example === undefined ? {} : { example }) };
  });
}

/** The example beside an env file; a file that the project itself reads as an env file is not an example. */
export function exampleBeside(facts: Facts, file: string): string | undefined {
  const { loaded } = facts.reading;
  return exampleOf(file, loaded ? usedEnvFiles(loaded) : new Set());
}

/** The statements of an env file; undefined when it cannot be read or has a syntax error. */
export function readStatements(file: string): { text: string; statements: EnvStatement[] } | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    return { text, statements: [...envStatements(text)] };
  } catch {
    return undefined;
  }
}

/**
 * Values and lines of an env file, with `${…}` unresolved; undefined when it cannot be read or has a syntax
 * error.
 */
export function readValues(file: string): Map<string, { value: string; line: number }> | undefined {
  const read = readStatements(file);
  if (!read) return undefined;
  const assignments = read.statements.filter(({ bare }) => !bare);
  return new Map(assignments.map(({ name, text, line }) => [name, { value: text, line }]));
}
