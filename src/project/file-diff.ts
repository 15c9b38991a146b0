import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff';

/** A whole line of a compose file that grants secrets: `secrets: [db_password]`. These are names and no values. */
const GRANT = /^[-+ ]?\s*secrets:\s*\[[\w\s,.-]*\]\s*$/;

interface Side {
  text: string;
  /** What it is, where "before" and "after" do not say it. */
  label?: string;
}

/**
 * How a file of the project changes, in the unified format.
 *
 * @param name of the file, as the person knows it
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
  // Line by line: a name at the end of one line and a value on the next are no credential.
  return patch
    .trimEnd()
    .split('\n')
    .map((line) => (GRANT.test(line) ? line : mask(line)))
    .join('\n');
}
