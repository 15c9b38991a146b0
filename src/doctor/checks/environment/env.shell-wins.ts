import { readFileSync } from 'node:fs';
import { defineCheck } from '../../check.js';
import { readValues } from '../../env-files.js';

export const check = defineCheck({
  id: 'env.shell-wins',
  chapter: 'environment',
  title: 'a variable of the shell overrides `.env`',
  severity: 'warn',
  needs: ['files'],
  requires: ['env.syntax'],
  why: 'The shell wins: what stands in .env has no effect in this terminal, and has in another.',
  docs: `For \`\${…}\` in the compose file, a variable of the shell goes before the \`.env\` beside it. \`echo $NAME\` shows it, \`unset NAME\` lets the file win again, \`invctl env explain NAME\` shows who won.`,
  probe(facts) {
    const text = facts.location.files.map((file) => readFileSync(file, 'utf8')).join('\n');
    return facts.reading.location.envFiles.flatMap((file) =>
      [...(readValues(file) ?? [])].flatMap(([name, { value, line }]) => {
        const shell = facts.env[name];
        if (shell === undefined || shell === value || value.includes('$')) return [];
        if (
          !new RegExp(`\\$\\{?${name}(?![A-Za-z0-9_])|^\\s*-?\\s*["']?${name}["']?\\s*:?\\s*$`, 'm').test(
            text,
          )
        )
          return [];
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
