import { EnvFileError, envStatements } from './env-statements.js';
import { interpolate, TemplateError } from './interpolate.js';
import type { Reference } from './tree.js';

/** One assignment of an env file, in the file's order. */
export interface EnvFileEntry {
  name: string;
  value: string;
  /** 1-based line of the name. */
  line: number;
  /** The variables in its `${…}`. A bare `NAME` line refers to itself. */
  references: Reference[];
}

export interface EnvFile {
  entries: EnvFileEntry[];
  /** Variables that are not set and became empty, with the lines of the value that uses them. */
  unset: { name: string; line: number; endLine: number }[];
}

/**
 * Parses Compose's `.env` format. A bare `NAME` takes the value of `lookup`, or is left out if there is none.
 * Repeated assignments of a name are all returned; the last counts.
 * @param lookup finds the values for `${…}` and bare names, before the file's own earlier names
 * @throws EnvFileError if Compose refuses the file.
 */
export function parseEnvFile(text: string, lookup: (name: string) => string | undefined): EnvFile {
  const entries: EnvFileEntry[] = [];
  const unset: EnvFile['unset'] = [];
  const own = new Map<string, string>();
  const see = (name: string) => lookup(name) ?? own.get(name);
  for (const { name, line, endLine, bare, text: raw, quote } of envStatements(text)) {
    if (bare) {
      const value = lookup(name);
      if (value === undefined) continue;
      entries.push({ name, value, line, references: [{ name, value }] });
      own.set(name, value);
      continue;
    }
    const resolved = quote === "'" ? { text: raw, references: [], unset: [] } : resolve(raw, see, line);
    unset.push(...resolved.unset.map((one) => ({ name: one, line, endLine })));
    entries.push({ name, value: resolved.text, line, references: resolved.references });
    own.set(name, resolved.text);
  }
  return { entries, unset };
}

function resolve(raw: string, lookup: (name: string) => string | undefined, line: number) {
  try {
    return interpolate(raw, lookup);
  } catch (error) {
    if (error instanceof TemplateError) throw new EnvFileError(error.code, error.message, line);
    throw error;
  }
}
