import { readFileSync } from 'node:fs';
import type { TreeNode } from '../project/tree.js';
import { isSecretName } from '../system/secret.js';
import { envFiles } from './env-files.js';
import type { Facts } from './facts.js';

/** A line that uses a variable which has no value and no default. */
export interface UnsetUse {
  name: string;
  file: string;
  /** 1-based. */
  line: number;
  /** Name of the key or variable that gets the value, where it stands on the line. */
  key?: string;
  /** A variable that somebody forgot to set, or a dollar sign that was to stay one. */
  meant: 'variable' | 'dollar';
}

/** Where the compose and env files use a variable that is not set. */
export function unsetUses(facts: Facts): UnsetUse[] {
  const names = facts.reading.warnings.flatMap(
    (warning) => /^the variable (\S+) is not set/.exec(warning)?.[1] ?? [],
  );
  const lines = sourceLines(facts);
  return [...new Set(names)].flatMap((name) => usesOf(name, lines));
}

interface SourceLine {
  file: string;
  line: number;
  text: string;
}

function usesOf(name: string, lines: readonly SourceLine[]): UnsetUse[] {
  const braced = new RegExp(`(?:^|[^$])(?:\\$\\$)*\\$\\{${name}\\}`);
  const bare = new RegExp(`(?:^|[^$])(?:\\$\\$)*\\$${name}(?![A-Za-z0-9_])`);
  // Braces are written by somebody who means a variable.
  const isVariable = lines.some(({ text }) => new RegExp(`\\$\\{${name}\\W`).test(text));
  return lines.flatMap(({ file, line, text }): UnsetUse[] => {
    const key = keyBefore(text.slice(0, text.search(bare) + 1));
    const use = { name, file, line, ...(key === undefined ? {} : { key }) };
    if (braced.test(text)) return [{ ...use, meant: 'variable' }];
    if (!bare.test(text)) return [];
    return [{ ...use, meant: isVariable || beginsValue(name, key, text) ? 'variable' : 'dollar' }];
  });
}

/** The last key of a line's beginning, also of one in braces. */
function keyBefore(text: string): string | undefined {
  return [...text.matchAll(/(?:^|[{,])\s*(?:-\s*)?(?:export\s+)?["']?([A-Za-z_]\w*)["']?\s*[:=]/g)].at(
    -1,
  )?.[1];
}

/** `image: "$TAG"` and `- "$BIND:80"`: a dollar would make no sense there. A password may begin with one. */
function beginsValue(name: string, key: string | undefined, text: string): boolean {
  if (name !== name.toUpperCase() || (key !== undefined && isSecretName(key))) return false;
  const use = `["']?\\$${name}`;
  return new RegExp(`^\\s*(?:(?:-\\s*)?[\\w.-]+:\\s+${use}(?![A-Za-z0-9_])|-\\s*${use}[:/])`).test(text);
}

/** Lines of the compose files, included and extended ones too, and of the env files. Comments are left out. */
function sourceLines(facts: Facts): SourceLine[] {
  const files = new Set(facts.location.files);
  if (facts.reading.loaded) gatherFiles(facts.reading.loaded.tree, files);
  for (const { file } of envFiles(facts)) files.add(file);
  return [...files].flatMap((file) =>
    readLines(file).flatMap((text, index) =>
      /^\s*#/.test(text) ? [] : [{ file, line: index + 1, text: text.replace(/\s#.*$/, '') }],
    ),
  );
}

function gatherFiles(node: TreeNode, files: Set<string>): void {
  files.add(node.at.file);
  if (node.kind === 'map') for (const entry of node.entries.values()) gatherFiles(entry, files);
  if (node.kind === 'list') for (const item of node.items) gatherFiles(item, files);
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}
