import { type EnvFileEntry, EnvFileError, parseEnvFile } from './env-file.js';

/**
 * The text of an env file with another value for a name, everything else as it was: comments, order, line ends.
 *
 * @param value without a character that means anything to the format.
 * @returns undefined where the name has no assignment of one line.
 */
export function withValue(text: string, name: string, value: string): string | undefined {
  const assignment = new RegExp(
    `^(\\uFEFF?[ \\t]*(?:export[ \\t]+)?${name.replace(/[.[\]-]/g, '\\$&')}[ \\t]*[=:][ \\t]*)(?:"[^"\\n]*"|'[^'\\n]*'|[^\\n]*?)([ \\t]+#[^\\n]*?)?(\\r?)$`,
    'gm',
  );
  const last = [...text.matchAll(assignment)].at(-1);
  if (!last) return undefined;
  const [whole, before = '', comment = '', end = ''] = last;
  const changed = `${text.slice(0, last.index)}${before}${value}${comment}${end}${text.slice(last.index + whole.length)}`;
  return sameExcept(text, changed, name, value) ? changed : undefined;
}

/** A value of several lines may hold what looks like an assignment, or go on after the line that was changed. */
function sameExcept(text: string, changed: string, name: string, value: string): boolean {
  const before = entriesOf(text);
  const after = entriesOf(changed);
  const last = before?.findLastIndex((entry) => entry.name === name) ?? -1;
  if (!before || last < 0 || after?.length !== before.length) return false;
  return after.every((entry, index) =>
    index === last
      ? entry.name === name && entry.value === value
      : entry.name === before[index]?.name && entry.line === before[index].line,
  );
}

/** Undefined where Compose refuses the text. */
function entriesOf(text: string): EnvFileEntry[] | undefined {
  try {
    // Whether a variable of the environment is set does not matter here.
    return parseEnvFile(text, (variable) => variable).entries;
  } catch (error) {
    if (error instanceof EnvFileError) return undefined;
    throw error;
  }
}
