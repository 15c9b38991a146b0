import { readFileSync } from 'node:fs';
import { defineCheck, type Finding } from '../../check.js';
import { readValues } from '../../env-files.js';

export const check = defineCheck({
  id: 'env.shell-wins',
  chapter: 'environment',
  title: 'a variable of the shell overrides `.env`',
  severity: 'warn',
  needs: ['files'],
  requires: ['env.syntax'],
  why: 'The shell wins: what is in .env has no effect in this terminal, and has in another.',
  docs: `For \`\${…}\` in the compose file, a variable of the shell goes before the \`.env\` beside it. \`echo $NAME\` shows it, \`unset NAME\` lets the file win again, \`invctl env explain NAME\` shows who won. Some names are the docker client's own, such as \`OTEL_RESOURCE_ATTRIBUTES\`: it sets them for Compose over both.`,
  probe(facts) {
    const text = facts.location.files.map((file) => readFileSync(file, 'utf8')).join('\n');
    return facts.reading.location.envFiles.flatMap((file) =>
      [...(readValues(file) ?? [])].flatMap(([name, { value, line }]): Finding[] => {
        if (!isUsedIn(text, name)) return [];
        if (facts.reading.loaded?.environment.variable(name)?.origin.kind === 'client') {
          return [
            {
              message: `the docker client gives Compose its own ${name}: the one in ${facts.shown(file)} has no effect`,
              why: 'The client sets this variable for each of its plugins, over the shell and .env.',
              next: `use another name in .env, or write the value of ${name} into the compose file`,
              file,
              line,
            },
          ];
        }
        const shell = facts.env[name];
        if (shell === undefined || shell === value || value.includes('$')) return [];
        return [
          {
            message: `the shell's ${name} overrides the one in ${facts.shown(file)}`,
            next: `unset ${name}      (or change .env to what you mean)`,
            file,
            line,
          },
        ];
      }),
    );
  },
});

/** Used as `${…}`, or as a name without a value under `environment`. */
function isUsedIn(text: string, name: string): boolean {
  const escaped = name.replace(/[.[\]-]/g, '\\$&');
  const bare = `["']?${escaped}["']?\\s*`;
  return new RegExp(
    `\\$\\{?${escaped}(?![A-Za-z0-9_])|^\\s*-?\\s*${bare}:?\\s*$|[[,]\\s*${bare}[,\\]]`,
    'm',
  ).test(text);
}
