import { withValues } from '../project/edit-env-file.js';
import { envStatements } from '../project/env-statements.js';

/** A user's file with the missing parts added at its end. Existing text is neither changed nor reordered. */
export interface Merged {
  content: string;
  /** Added keys of an env file, or lines of an ignore file. Empty: there is nothing to write. */
  added: string[];
}

/**
 * Adds the settings of the example that the env file does not have, each with the comment above it.
 * @param existing its line ends are kept.
 * @param defined the names that it sets.
 * @throws EnvFileError if Compose refuses the example.
 */
export function mergeEnvFile(example: string, existing: string, defined: ReadonlySet<string>): Merged {
  const missing = [...envStatements(example)].filter(({ name }) => name !== '' && !defined.has(name));
  const rows = linesOf(example.replace(/^\ufeff/, ''));
  const taken = new Set<number>();
  for (const { line, endLine } of missing) {
    for (let row = line - 1; row < endLine; row += 1) taken.add(row);
    for (let row = line - 2; rows[row]?.startsWith('#'); row -= 1) taken.add(row);
  }
  const lines = rows.filter((_, row) => taken.has(row));
  return { content: appendLines(existing, lines), added: [...new Set(missing.map(({ name }) => name))] };
}

/**
 * Adds the paragraphs (lines between blank ones) of which the ignore file lacks a rule. Whole paragraphs,
 * because the last rule that matches wins: `!.env.example` has to come after `.env.*`.
 * @param known rules that the file had earlier: a missing one was removed by a person.
 */
export function mergeIgnoreFile(template: string, existing: string, known = ''): Merged {
  const present = new Set([...linesOf(existing), ...linesOf(known)].map((line) => line.trim()));
  const added: string[] = [];
  const lines: string[] = [];
  for (const paragraph of template.split(/\n{2,}/)) {
    const rules = linesOf(paragraph).filter((line) => !line.startsWith('#'));
    if (rules.every((rule) => present.has(rule))) continue;
    added.push(...rules);
    lines.push(...(lines.length > 0 ? [''] : []), ...linesOf(paragraph));
  }
  return { content: appendLines(existing, lines), added };
}

/**
 * Replaces the example's values for these names.
 * @throws Error if the example lacks a name, EnvFileError if Compose refuses the example.
 */
export function fillEnvFile(example: string, values: ReadonlyMap<string, string>): string {
  const names = new Set([...envStatements(example)].flatMap(({ name, bare }) => (bare ? [] : [name])));
  const missing = [...values.keys()].filter((name) => !names.has(name));
  if (missing.length > 0) throw new Error(`the env example does not set ${missing.join(', ')}`);
  return withValues(example, values);
}

function linesOf(text: string): string[] {
  return text.split(/\r?\n/).filter((line, index, all) => line !== '' || index < all.length - 1);
}

function appendLines(existing: string, lines: readonly string[]): string {
  if (lines.length === 0) return existing;
  const end = existing.includes('\r\n') ? '\r\n' : '\n';
  const gap = existing === '' ? '' : /\n$/.test(existing) ? end : end + end;
  return existing + gap + lines.map((line) => line + end).join('');
}
