/** A line of an env file that cannot be read. The value is never part of the message. */
export class EnvFileError extends Error {
  override readonly name = 'EnvFileError';
}

const ASSIGNMENT = /^(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*[=:][ \t]*/;
const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$' };

/**
 * Reads an env file by the rules of Docker Compose, which reads the same file for the container: a comment needs
 * a space before its `#`, single quotes are literal, double quotes know `\n \r \t \" \\ \$`, both may span lines.
 * Compose would also expand `$NAME` outside of single quotes. That is refused here rather than read differently.
 *
 * @throws {EnvFileError} naming the line, for a line that is not an assignment, an open quote or an expansion.
 */
export function parseEnvFile(content: string): Map<string, string> {
  const values = new Map<string, string>();
  let rest = content.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  const total = rest;
  const lineNumber = () => total.slice(0, total.length - rest.length).split('\n').length;

  while (rest !== '') {
    const blank = /^[ \t]*(?:#[^\n]*)?(?:\n|$)/.exec(rest);
    if (blank) {
      rest = rest.slice(blank[0].length);
      continue;
    }
    const line = lineNumber();
    rest = rest.replace(/^[ \t]+/, '');
    const assignment = ASSIGNMENT.exec(rest);
    if (!assignment?.[1]) throw new EnvFileError(`line ${line} is not NAME=value`);
    rest = rest.slice(assignment[0].length);

    const quote = rest[0];
    if (quote === '"' || quote === "'") {
      const body = quote === "'" ? /^'([^']*)'/.exec(rest) : /^"((?:[^"\\]|\\[\s\S])*)"/.exec(rest);
      if (body?.[1] === undefined) throw new EnvFileError(`line ${line} opens a quote that is never closed`);
      rest = rest.slice(body[0].length);
      const after = /^[ \t]*(?:#[^\n]*)?(?:\n|$)/.exec(rest);
      if (!after) throw new EnvFileError(`line ${line} has text after its closing quote`);
      rest = rest.slice(after[0].length);
      values.set(assignment[1], quote === "'" ? body[1] : unquote(body[1], line));
    } else {
      const end = rest.indexOf('\n');
      const raw = end === -1 ? rest : rest.slice(0, end);
      rest = end === -1 ? '' : rest.slice(end + 1);
      const value = raw.replace(/(?:^|[ \t])#.*$/, '').trim();
      values.set(assignment[1], expand(value, line));
    }
  }
  return values;
}

function unquote(body: string, line: number): string {
  return body
    .split(/(\\[\s\S])/)
    .map((part, index) => (index % 2 === 0 ? expand(part, line) : (ESCAPES[part[1] ?? ''] ?? part)))
    .join('');
}

function expand(value: string, line: number): string {
  if (/\$(?!\$)[A-Za-z_{]/.test(value.replaceAll('$$', ''))) {
    throw new EnvFileError(`line ${line} uses $ to expand a variable: put the value in single quotes`);
  }
  return value.replaceAll('$$', '$');
}
