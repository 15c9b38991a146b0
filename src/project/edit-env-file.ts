import { EnvFileError, type EnvStatement, envStatements } from './env-statements.js';

/**
 * Returns the text of an env file with new values for some names. Everything else stays: comments, order,
 * line ends, `export`. If a name occurs several times, every value is replaced.
 * @param values without characters that are special in the format.
 * @throws EnvFileError if Compose refuses the text.
 */
export function withValues(text: string, values: ReadonlyMap<string, string>): string {
  const replaced = [...envStatements(text)].filter(({ name, bare }) => !bare && values.has(name));
  return replaceValues(text, replaced, values);
}

/**
 * Returns the text of an env file with a new value for a name, in the assignment that counts, which is the
 * last.
 * @param value without characters that are special in the format.
 * @returns undefined if the name has no assignment, or Compose refuses the text.
 */
export function withValue(text: string, name: string, value: string): string | undefined {
  try {
    const last = [...envStatements(text)].filter((one) => one.name === name && !one.bare).at(-1);
    return last && replaceValues(text, [last], new Map([[name, value]]));
  } catch (error) {
    if (error instanceof EnvFileError) return undefined;
    throw error;
  }
}

function replaceValues(
  text: string,
  statements: readonly EnvStatement[],
  values: ReadonlyMap<string, string>,
): string {
  let changed = '';
  let from = 0;
  for (const statement of statements) {
    const { name, valueStart, end } = statement;
    // The text that Compose reads as the value was meant as a comment, and becomes one.
    const comment = isCommentForValue(text, statement) ? ` ${text.slice(valueStart, end)}` : '';
    changed += `${text.slice(from, valueStart)}${values.get(name) ?? ''}${comment}`;
    from = end;
  }
  return changed + text.slice(from);
}

/**
 * `NAME= # note`: if nothing precedes the comment, Compose reads it as the value. `NAME=#fff` is a colour.
 */
export function isCommentForValue(text: string, { quote, valueStart, end }: EnvStatement): boolean {
  const value = text.slice(valueStart, end);
  return !quote && value.startsWith('#') && (/\s/.test(text[valueStart - 1] ?? '') || /^#\s/.test(value));
}
