import { readFileSync } from 'node:fs';
import { envFiles } from './env-files.js';
import type { Facts } from './facts.js';

/** Names that the files use, that have no value and no default. */
export function unsetVariables({ reading }: Facts): string[] {
  const names = reading.warnings.flatMap(
    (warning) => /^the variable (\S+) is not set/.exec(warning)?.[1] ?? [],
  );
  return [...new Set(names)];
}

export interface NamedLine {
  file: string;
  line: number;
  text: string;
}

/** Lines of the compose and env files that use `${NAME}` without an operator, or `$NAME` without braces. */
export function linesNaming(facts: Facts, name: string, form: 'braced' | 'bare'): NamedLine[] {
  const pattern =
    form === 'braced'
      ? new RegExp(`(?:^|[^$])(?:\\$\\$)*\\$\\{${name}\\}`)
      : new RegExp(`(?:^|[^$])(?:\\$\\$)*\\$${name}(?![A-Za-z0-9_])`);
  const files = [...facts.location.files, ...envFiles(facts).map(({ file }) => file)];
  return files.flatMap((file) =>
    readLines(file).flatMap((text, index) =>
      pattern.test(text) && !/^\s*#/.test(text) ? [{ file, line: index + 1, text }] : [],
    ),
  );
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}
