/** A file of the person's with what it lacked added at its end. Nothing of theirs is changed or reordered. */
export interface Merged {
  content: string;
  /** What was added: keys of an env file, lines of an ignore file. Empty: there is nothing to write. */
  added: string[];
}

const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?([^\s=:#"']+)[ \t]*(?:[=:]|$)/;

/**
 * Adds the settings of the example that the env file has not, each with the comment above it.
 *
 * @param existing with any line ends; its own are kept.
 * @param defined the names that it sets.
 */
export function mergeEnvFile(example: string, existing: string, defined: ReadonlySet<string>): Merged {
  const added: string[] = [];
  const lines: string[] = [];
  let comment: string[] = [];
  for (const line of linesOf(example)) {
    const name = ASSIGNMENT.exec(line)?.[1];
    if (name !== undefined && !defined.has(name)) {
      added.push(name);
      lines.push(...comment, line);
    }
    comment = line.startsWith('#') ? [...comment, line] : [];
  }
  return { content: appendLines(existing, lines), added };
}

/**
 * Adds the paragraphs (lines between blank ones) of which the ignore file lacks a rule. Whole paragraphs, because the
 * last rule that matches wins: `!.env.example` has to come after `.env.*`.
 */
export function mergeIgnoreFile(template: string, existing: string): Merged {
  const present = new Set(linesOf(existing).map((line) => line.trim()));
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

/** Puts the values in place of the example's for these names. @throws Error when the example lacks a name. */
export function fillEnvFile(example: string, values: ReadonlyMap<string, string>): string {
  const missing = new Set(values.keys());
  const filled = example.replace(/^([A-Za-z_][A-Za-z0-9_]*)=.*$/gm, (line, name: string) => {
    const value = values.get(name);
    if (value === undefined) return line;
    missing.delete(name);
    return `${name}=${value}`;
  });
  if (missing.size > 0) throw new Error(`the env example does not set ${[...missing].join(', ')}`);
  return filled;
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
