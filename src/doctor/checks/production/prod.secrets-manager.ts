import { isSecretName } from '../../../system/secret.js';
import { defineCheck, type Finding } from '../../check.js';
import type { Deployed } from '../../deployed.js';
import type { Facts } from '../../facts.js';
import { judgeWhereItRuns, thenDeploy } from '../../judge-deployed.js';
import { place } from '../../reading.js';

export const check = defineCheck({
  id: 'prod.secrets-manager',
  chapter: 'production',
  title: 'secrets come out of a secrets manager',
  severity: 'fail',
  needs: ['config'],
  why: 'A file on one machine is copied by hand, forgotten in backups, and never rotated.',
  docs: `Checklist item 8. \`external: true\` secrets of Swarm, or for each secret a command in \`invctl.yaml\` that asks Vault, AWS Secrets Manager, 1Password or another: [\`secret.provider\`](secrets.md#secretprovider). Files may be written by such a program as well: that cannot be seen, and is unknown. A password in the compose file fails. Of what is deployed, its secrets are judged: those that something else than \`invctl deploy\` looks after (External Secrets, Sealed Secrets, one made in the Swarm by hand) pass, and a password among a service's variables, which everybody who may read the service sees, is a warning.`,
  probe: (facts) =>
    judgeWhereItRuns(
      facts,
      () => secretsOfFiles(facts),
      (deployed, inFiles) => {
        if (Array.isArray(inFiles) && inFiles.length > 0) {
          return (inFiles as Finding[]).map((finding) => ({
            ...finding,
            next: thenDeploy(finding.next ?? '', deployed.redeploy),
          }));
        }
        return secretsOfDeployed(facts, deployed);
      },
    ),
});

const ASKS_A_MANAGER = 'a command under secrets in invctl.yaml asks a manager for them';

function secretsOfDeployed(
  facts: Facts,
  { services, place, redeploy }: Deployed,
): Finding[] | { unknown: string } {
  const clear = services.flatMap(({ name, environment }): Finding[] =>
    Object.entries(environment).flatMap(([variable, value]) =>
      isSecretName(variable) && !variable.endsWith('_FILE') && value !== ''
        ? [
            {
              message: `everybody who may read "${name}" in ${place} sees ${variable}`,
              next: `make it a secret, and name its file in ${variable}_FILE, then: ${redeploy}`,
              service: name,
              severity: 'warn',
            },
          ]
        : [],
    ),
  );
  if (clear.length > 0) return clear;
  const provided = new Set(Object.keys(facts.settings?.secrets ?? {}).map(plainName));
  const open = services
    .flatMap(({ secrets }) => secrets)
    .filter(({ name, keeper }) => keeper === undefined && !isProvided(name, provided));
  if (open.length === 0) return [];
  const names = [...new Set(open.map(({ name }) => name))].join(', ');
  return {
    unknown: `${place} has them from files, and what writes the files cannot be seen: ${names}; ${ASKS_A_MANAGER}`,
  };
}

/** `shop_db_password_v2`, `db-password-v2` of `db_password`. */
function isProvided(name: string, provided: ReadonlySet<string>): boolean {
  const plain = plainName(name).replace(/v\d+$/, '');
  return [...provided].some((one) => plain.endsWith(one));
}

function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

function secretsOfFiles(facts: Facts): Finding[] | { unknown: string } {
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
  return {
    unknown: `what writes the file cannot be seen from the project: ${names}; ${ASKS_A_MANAGER}`,
  };
}
