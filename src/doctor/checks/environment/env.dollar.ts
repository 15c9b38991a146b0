import { isSecretName } from '../../../system/secret.js';
import { defineCheck } from '../../check.js';
import type { Facts } from '../../facts.js';
import { editFile } from '../../fix/edit-file.js';
import { type UnsetUse, unsetUses } from '../../unset-variables.js';

export const check = defineCheck({
  id: 'env.dollar',
  chapter: 'environment',
  title: 'a dollar sign was taken for a variable',
  severity: 'warn',
  needs: ['files'],
  requires: ['env.missing'],
  why: 'Compose put nothing in its place: the value is another than the one that is written.',
  docs: `Compose resolves \`$NAME\` in the compose file and in unquoted or double-quoted values of env files. A password such as \`pa$word\` loses a part; a \`$POSTGRES_USER\` in a command is resolved on the host, not in the container. Write \`$$\` for a dollar that means itself, or put the value of an env file in single quotes.`,
  probe(facts) {
    return eaten(facts).map(({ name, file, line, key }) => ({
      message: `$${name}${key ? ` in ${key}` : ''} is taken for a variable that is not set, and vanishes`,
      ...(key && isSecretName(key) ? { severity: 'fail' as const } : {}),
      next: `write $$${name}      (or, in an env file, put the value in single quotes)`,
      file,
      line,
      mend: () =>
        editFile(facts, {
          file,
          summary: `write $$${name} for $${name} (${facts.shown(file)}:${line})`,
          change: (text) =>
            text
              .split('\n')
              .map((one, index) => (index === line - 1 ? withDoubledDollar(one, name) : one))
              .join('\n'),
        }),
    }));
  },
  // The variable may be intended.
  fix: { safety: 'ask' },
});

function withDoubledDollar(text: string, name: string): string {
  return text.replace(new RegExp(`(^|[^$])\\$${name}(?![A-Za-z0-9_])`, 'g'), (_, lead) => `${lead}$$${name}`);
}

function eaten(facts: Facts): UnsetUse[] {
  return unsetUses(facts).filter(({ meant }) => meant === 'dollar');
}
