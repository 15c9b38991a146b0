import { defineCheck, type Finding } from '../../check.js';
import { linesNaming, unsetVariables } from '../../unset-variables.js';

export const check = defineCheck({
  id: 'env.required',
  chapter: 'environment',
  title: 'a variable that the compose file demands is not set',
  severity: 'fail',
  needs: ['files'],
  requires: ['env.missing', 'env.syntax'],
  blocksUp: 'VARIABLE_REQUIRED',
  why: 'The author marked it as one that nobody may forget: Compose refuses to start without it.',
  docs: `\`\${NAME:?message}\` fails where NAME is unset or empty. Set it in \`.env\` beside the compose file, or in the shell. A plain \`\${NAME}\` that is not set becomes empty, with a warning.`,
  probe(facts) {
    const required = facts.reading.problems
      .filter(({ code }) => code === 'VARIABLE_REQUIRED')
      .map(({ message, file, line }): Finding => {
        const name = /the variable (\S+) is required/.exec(message)?.[1] ?? 'NAME';
        return {
          message,
          next: `echo '${name}=…' >> .env      (or: ${name}=… invctl up)`,
          ...(file === undefined ? {} : { file }),
          ...(line === undefined ? {} : { line }),
        };
      });
    const empty = unsetVariables(facts).flatMap((name) =>
      linesNaming(facts, name, 'braced').map(
        ({ file, line }): Finding => ({
          severity: 'warn',
          message: `\${${name}} is not set: it becomes an empty string`,
          why: 'Compose warns and goes on with nothing in its place.',
          next: `set ${name} in .env, or give it a default: \${${name}:-…}`,
          file,
          line,
        }),
      ),
    );
    return [...required, ...empty];
  },
});
