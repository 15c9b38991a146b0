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
  docs: `Checklist item 8. \`external: true\` secrets of Swarm, or for each secret a command in \`invctl.yaml\` that asks Vault, AWS Secrets Manager, 1Password or another: [\`secret.provider\`](secrets.md#secretprovider). Files may be written by such a program as well: that cannot be seen, and is unknown. A password in the compose file fails.`,
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
        message: `${variable} of "${name}" is in the compose file`,
        next: 'move it to a secret',
        service: name,
        ...(at ? place(at) : {}),
      }));
    }
    const secrets = Object.entries(facts.project.secrets);
    if (secrets.length === 0) return { unknown: 'the project declares no secrets' };
    const provided = facts.settings?.secrets ?? {};
    const files = secrets.filter(([name, { external }]) => !external && !(name in provided));
    if (files.length === 0) return [];
    const names = files.map(([name]) => name).join(', ');
    return { unknown: `what writes the file cannot be seen from the project: ${names}` };
  },
});
