import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff';

/**
 * Matches a whole line of a compose file that grants secrets, such as `secrets: [db_password]`. These are
 * names, not values.
 */
const GRANT = /^[-+ ]?\s*secrets:\s*\[[\w\s,.-]*\]\s*$/;

interface Side {
  text: string;
  /** Label of the change, if "before" and "after" are not enough. */
  label?: string;
}

/**
 * Returns the change of a project file in the unified format.
 * @param name of the file in the user's words
 * @param mask hides the secrets in a line
 */
export function fileDiff(name: string, before: Side, after: Side, mask: (line: string) => string): string {
  const patch = createTwoFilesPatch(
    `a/${name}`,
    `b/${name}`,
    before.text,
    after.text,
    before.label,
    after.label,
    { context: 2, headerOptions: FILE_HEADERS_ONLY },
  );
  // Line by line: a name at the end of one line and a value on the next are not a credential.
  return patch
    .trimEnd()
    .split('\n')
    .map((line) => (GRANT.test(line) ? line : mask(line)))
    .join('\n');
}
