import { isCommentForValue } from '../../../project/edit-env-file.js';
import type { EnvStatement } from '../../../project/env-statements.js';
import { defineCheck, type Finding } from '../../check.js';
import { envFiles, readStatements } from '../../env-files.js';
import type { Facts } from '../../facts.js';
import { isEnvFileProblem, place } from '../../reading.js';

export const check = defineCheck({
  id: 'env.syntax',
  chapter: 'environment',
  title: 'an env file has a mistake',
  severity: 'fail',
  needs: ['files'],
  blocksUp: 'ENV_FILE_SYNTAX',
  why: 'Compose refuses the whole file, and with it the project.',
  docs: `One \`NAME=value\` a line. A name has no spaces; a quote that opens has to close. A \`#\` begins a comment only behind a value and a space: \`NAME=  # note\` gives NAME the value \`# note\`. A last line that holds a name alone, without a line feed, is read as a value without a name: Compose accepts it, and the engine then refuses the container. The finding names the line.`,
  probe(facts) {
    const refused = facts.reading.problems.filter(isEnvFileProblem).map(
      ({ message, hint, file, line }): Finding => ({
        message,
        next: hint ?? 'write NAME=value, one a line',
        ...(file === undefined ? {} : { file }),
        ...(line === undefined ? {} : { line }),
      }),
    );
    return [...refused, ...nameless(facts), ...commentsForValues(facts)];
  },
});

/** Entries without a variable name, in an env file or under `environment`. */
function nameless(facts: Facts): Finding[] {
  const places = new Map<string, Finding>();
  for (const service of facts.reading.loaded?.active ?? []) {
    const source = facts.variables(service).get('')?.sources[0];
    if (!source?.at) continue;
    const { file, line } = source.at;
    const known = places.get(`${file}:${line}`);
    places.set(
      `${file}:${line}`,
      known ?? {
        message: `"${service}" gets a variable without a name`,
        why: 'Compose accepts it, and the engine refuses to create the container: "invalid environment variable".',
        next: isLastLine(file, line)
          ? 'write NAME=value; for a name alone, which takes the value of the shell, end the line with a line feed'
          : 'write NAME=value, one a line',
        service,
        ...place(source.at),
      },
    );
  }
  return [...places.values()];
}

/** The last line of an env file that does not end with a line feed. */
function isLastLine(file: string, line: number): boolean {
  const { text, statements } = readStatements(file) ?? { text: '', statements: [] };
  return statements.some(
    (one) => one.name === '' && one.line === line && !/[=:]/.test(text.slice(one.start, one.valueStart)),
  );
}

function commentsForValues(facts: Facts): Finding[] {
  return envFiles(facts).flatMap(({ file }) => {
    const { text, statements } = readStatements(file) ?? { text: '', statements: [] };
    return statements.flatMap((statement): Finding[] => {
      const { name, line } = statement;
      const whole = isCommentForValue(text, statement);
      if (!whole && !hasTabComment(text, statement)) return [];
      return [
        {
          severity: 'warn',
          message: whole
            ? `the value of ${name} is the comment behind it`
            : `the comment behind a tab is a part of ${name}'s value`,
          why: 'To Compose a comment begins with a space and a #, behind a value.',
          next: `put the comment on a line of its own, or write ${name}="…"  # note`,
          file,
          line,
        },
      ];
    });
  });
}

function hasTabComment(text: string, { quote, bare, valueStart, end }: EnvStatement): boolean {
  return !quote && !bare && /\t#/.test(text.slice(valueStart, end));
}
