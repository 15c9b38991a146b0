import { readFileSync } from 'node:fs';
import type { UnsetVariable } from '../project/project-notes.js';
import { isSecretName } from '../system/secret.js';
import type { Facts } from './facts.js';

/** A line that uses a variable which has no value and no default. */
export interface UnsetUse {
  name: string;
  file: string;
  /** 1-based. */
  line: number;
  /** Name of the key or variable that gets the value, if it is on the line. */
  key?: string;
  /** A variable that somebody forgot to set, or a dollar sign that was meant literally. */
  meant: 'variable' | 'dollar';
}

/** Where the compose and env files use a variable that is not set. */
export function unsetUses(facts: Facts): UnsetUse[] {
  const { unset } = facts.reading.notes;
  return [...new Set(unset.map(({ name }) => name))].flatMap((name) =>
    usesOf(name, sourceLines(unset.filter((one) => one.name === name))),
  );
}

interface SourceLine {
  file: string;
  line: number;
  text: string;
}

function usesOf(name: string, lines: readonly SourceLine[]): UnsetUse[] {
  const braced = new RegExp(`(?:^|[^$])(?:\\$\\$)*\\$\\{${name}\\}`);
  const bare = new RegExp(`(?:^|[^$])(?:\\$\\$)*\\$${name}(?![A-Za-z0-9_])`);
  // Braces show that a variable is meant.
  const isVariable = lines.some(({ text }) => new RegExp(`\\$\\{${name}\\W`).test(text));
  return lines.flatMap(({ file, line, text }): UnsetUse[] => {
    const key = keyBefore(text.slice(0, text.search(bare) + 1));
    const use = { name, file, line, ...(key === undefined ? {} : { key }) };
    if (braced.test(text)) return [{ ...use, meant: 'variable' }];
    if (!bare.test(text)) return [];
    return [{ ...use, meant: isVariable || beginsValue(name, key, text) ? 'variable' : 'dollar' }];
  });
}

/** The last key at the beginning of a line, also in a flow mapping. */
function keyBefore(text: string): string | undefined {
  return [...text.matchAll(/(?:^|[{,])\s*(?:-\s*)?(?:export\s+)?["']?([A-Za-z_]\w*)["']?\s*[:=]/g)].at(
    -1,
  )?.[1];
}

/**
 * `image: "$TAG"` and `- "$BIND:80"`: a literal dollar would make no sense there. A password may begin with
 * one.
 */
function beginsValue(name: string, key: string | undefined, text: string): boolean {
  if (name !== name.toUpperCase() || (key !== undefined && isSecretName(key))) return false;
  const use = `["']?\\$${name}`;
  return new RegExp(`^\\s*(?:(?:-\\s*)?[\\w.-]+:\\s+${use}(?![A-Za-z0-9_])|-\\s*${use}[:/])`).test(text);
}

/** The lines that may use the variable, each once, without comments. */
function sourceLines(unset: readonly UnsetVariable[]): SourceLine[] {
  const files = [...new Set(unset.map(({ file }) => file))];
  return files.flatMap((file) => {
    const ranges = unset.filter((one) => one.file === file).map(({ lines }) => lines);
    return readLines(file).flatMap((text, index) => {
      const line = index + 1;
      const isMeant = ranges.some((range) => !range || (range.first <= line && line <= range.last));
      return !isMeant || /^\s*#/.test(text) ? [] : [{ file, line, text: text.replace(/\s#.*$/, '') }];
    });
  });
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}
