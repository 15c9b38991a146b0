/** How a health check's `test` is written otherwise than it is run. */
export type MisreadTest =
  /** `["CMD", "pg_isready -h db"]`: one program whose name has spaces. */
  | { kind: 'one-word'; command: string }
  /** `["CMD-SHELL", "curl", "-f"]`: the shell runs the first, and the rest are the script's arguments. */
  | { kind: 'arguments'; command: string; run: string };

/** What a health check runs: of `CMD-SHELL` the first text alone. */
export function healthCommand(test: readonly string[]): string {
  return test[0] === 'CMD-SHELL' ? (test[1] ?? '') : test.slice(1).join(' ');
}

export function misreadTest(test: readonly string[] | undefined): MisreadTest | undefined {
  const [form, first = '', ...rest] = test ?? [];
  if (form === 'CMD' && rest.length === 0 && /\S\s+\S/.test(first)) {
    return { kind: 'one-word', command: first };
  }
  // A script that uses `$0` or `$1` is written for arguments.
  if (form === 'CMD-SHELL' && rest.length > 0 && !/\$[@*\d]|\$\{\d/.test(first)) {
    return { kind: 'arguments', command: [first, ...rest].map(shellWord).join(' '), run: first };
  }
  return undefined;
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$|[$`|&;]/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
