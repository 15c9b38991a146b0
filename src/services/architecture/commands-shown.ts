const SECRET_FLAG = /^--?[\w-]*(?:pass|passwd|password|secret|token|auth|credential|api-?key)[\w-]*$/i;
/** Programs whose short option takes a password: `redis-cli -a`, `mysqladmin -p…`. */
const SHORT_FLAGS: readonly { program: RegExp; separate?: RegExp; joined?: RegExp }[] = [
  { program: /(?:^|\/)(?:redis|valkey)-cli$/, separate: /^-a$/ },
  { program: /(?:^|\/)(?:mysql|mysqladmin|mariadb|mariadb-admin|mysqldump)$/, joined: /^-p(?=.)/ },
  { program: /(?:^|\/)curl$/, separate: /^-u$/ },
];
const HIDDEN = '[redacted]';

/** A command on one line, without the values of options that take a secret. */
export function shownCommand(words: readonly string[]): string {
  return hidden(words).join(' ').replace(/\s+/g, ' ').trim();
}

function hidden(words: readonly string[]): string[] {
  const program = words.find((word) => SHORT_FLAGS.some((one) => one.program.test(word)));
  const short = SHORT_FLAGS.find((one) => program !== undefined && one.program.test(program));
  return words.map((word, index) => {
    const before = words[index - 1] ?? '';
    if (SECRET_FLAG.test(before) || short?.separate?.test(before)) return HIDDEN;
    if (short?.joined?.test(word)) return word.replace(/^(-p).*/, `$1${HIDDEN}`);
    const assigned = /^(--?[\w-]+)=/.exec(word);
    return assigned && SECRET_FLAG.test(assigned[1] as string) ? `${assigned[1]}=${HIDDEN}` : word;
  });
}

/** A line of shell, without the values of options that take a secret. */
export function shownScript(script: string): string {
  return shownCommand(script.split(/\s+/));
}

/**
 * The arguments of a Dockerfile instruction, without the values of options that take a secret. The JSON form
 * stays JSON.
 */
export function shownInstruction(text: string): string {
  const [, before = '', json] = /^([\s\S]*?)(\[[\s\S]*\])\s*$/.exec(text) ?? [];
  try {
    const words: unknown = json === undefined ? undefined : JSON.parse(json);
    if (Array.isArray(words))
      return `${shownScript(before)} ${JSON.stringify(hidden(words.map(String)))}`.trim();
  } catch {
    // Docker runs an argument that is not JSON in a shell.
  }
  return shownScript(text);
}
