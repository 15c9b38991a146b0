import { isSecretName } from '../../../system/secret.js';
import { defineCheck } from '../../check.js';
import { place } from '../../reading.js';

export const check = defineCheck({
  id: 'prod.secrets-manager',
  chapter: 'production',
  title: 'secrets come out of a secrets manager',
  severity: 'fail',
  needs: ['config'],
  why: 'A file on one machine is copied by hand, forgotten in backups, and never rotated.',
  docs: `Checklist item 8. \`external: true\` secrets of Swarm, or a command in \`invctl.yaml\` (\`secrets: {db_password: {command: [op, read, …]}}\`) that asks Vault, AWS Secrets Manager, 1Password or another. Files may be written by such a program as well: that cannot be seen, and is unknown. A password in the compose file fails.`,
  probe(facts) {
    const literal = Object.values(facts.project.services).flatMap(({ name }) =>
      [...facts.variables(name).values()].flatMap(
        ({ name: variable, sources: [{ kind, value, interpolated, at }] }) =>
          kind === 'environment' && value && interpolated.length === 0 && isSecretName(variable)
            ? [{ name, variable, at }]
            : [],
      ),
    );
    if (literal.length > 0) {
      return literal.map(({ name, variable, at }) => ({
        message: `${variable} of "${name}" stands in the compose file`,
        next: 'move it to a secret',
        service: name,
        ...(at ? place(at) : {}),
      }));
    }
    const secrets = Object.values(facts.project.secrets);
    if (secrets.length === 0) return { unknown: 'the project declares no secrets' };
    if (secrets.every(({ external }) => external) || 'secrets' in facts.settings) return [];
    return { unknown: 'secrets are files; what writes them cannot be seen from the project' };
  },
});
