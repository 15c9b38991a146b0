/** A health check's `test` that does not run as it is written. */
export type MisreadTest =
  /** `["CMD", "pg_isready -h db"]`: one program whose name contains spaces. */
  | { kind: 'one-word'; command: string }
  /**
   * `["CMD-SHELL", "curl", "-f"]`: the shell runs the first word, and the others are the script's arguments.
   */
  | { kind: 'arguments'; command: string; run: string };

/** What a health check runs: for `CMD-SHELL` only the first text. */
export function healthCommand(test: readonly string[]): string {
  return test[0] === 'CMD-SHELL' ? (test[1] ?? '') : test.slice(1).join(' ');
}

export function misreadTest(test: readonly string[] | undefined): MisreadTest | undefined {
  const [form, first = '', ...rest] = test ?? [];
  if (form === 'CMD' && rest.length === 0 && /\S\s+\S/.test(first)) {
    return { kind: 'one-word', command: first };
  }
  // A script that uses `$0` or `$1` expects arguments.
  if (form === 'CMD-SHELL' && rest.length > 0 && !/\$[@*\d]|\$\{\d/.test(first)) {
    return { kind: 'arguments', command: [first, ...rest].map(shellWord).join(' '), run: first };
  }
  return undefined;
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$|[$`|&;]/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
