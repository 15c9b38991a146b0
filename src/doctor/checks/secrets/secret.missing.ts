import { existsSync } from 'node:fs';
import { defineCheck, type Finding } from '../../check.js';
import type { Facts } from '../../facts.js';
import { guardsData, makeSecret, WRITTEN_BY_UP } from '../../fix/secret-file.js';
import { declaredAt, grantedSecrets, unsetInPath } from '../../granted-secrets.js';
import { placeOf } from '../../reading.js';

export const check = defineCheck({
  id: 'secret.missing',
  chapter: 'secrets',
  title: 'a secret has no file, or no variable to come from',
  severity: 'fail',
  blocksUp: 'SECRET_MISSING',
  why: 'Compose mounts the file into the container; without it the service does not start.',
  docs: `Secrets are not in git, so a fresh clone has none: copy them from where they are kept, or run \`invctl init\`, or \`invctl doctor --fix\`, which make what is missing. The database's password is written as a running container still has it; where none has, a new one is made after a question only, since the server keeps the old one. A secret with \`environment: NAME\` needs that variable in the shell or in \`.env\`. A secret with a provider is written by \`invctl up\`: until then this is information only.`,
  async probe(facts) {
    const missing = grantedSecrets(facts).filter(({ file }) => !existsSync(file));
    const withoutFile = await Promise.all(
      missing.map(async (secret) => {
        const { name, file, services } = secret;
        return {
          message: `the secret "${name}" of ${services.map((service) => `"${service}"`).join(', ')} has no file: ${facts.shown(file)}`,
          ...(facts.settings?.secrets[name] ? WRITTEN_BY_UP : { next: await howToMake(facts, name, file) }),
          service: services[0] as string,
          details: { secret: name },
          ...declaredAt(facts, name),
          ...(unsetInPath(facts, name) === undefined ? { mend: () => makeSecret(facts, secret) } : {}),
        };
      }),
    );
    return [...withoutFile, ...unsetVariables(facts)];
  },
  fix: { safety: 'safe' },
});

/**
 * Secrets from a variable that is not set. Compose accepts an empty one, and refuses to start without one.
 */
function unsetVariables({ project, reading }: Facts): Finding[] {
  const environment = reading.loaded?.environment;
  // When only Compose can read the project, the variables are not known.
  if (!environment || environment.entries().next().done) return [];
  return Object.entries(project.secrets).flatMap(([name, { environment: variable, external }]) => {
    const service = Object.values(project.services).find(({ secrets }) =>
      secrets.some(({ source }) => source === name),
    );
    if (!variable || external || !service || environment.lookup(variable) !== undefined) return [];
    return [
      {
        message: `the secret "${name}" of "${service.name}" comes from the variable ${variable}, which is not set`,
        next: `set ${variable} in the shell that runs invctl up, or in .env`,
        service: service.name,
        details: { secret: name, variable },
        ...placeOf(reading, 'secrets', name, 'environment'),
      },
    ];
  });
}

async function howToMake(facts: Facts, name: string, file: string): Promise<string> {
  const unset = unsetInPath(facts, name);
  if (unset !== undefined)
    return `set ${unset}, which its path under secrets.${name}.file has and nobody sets`;
  return (await guardsData(facts, name))
    ? `put the old ${facts.shown(file)} back, or: invctl doctor --fix      (the database has data under it)`
    : 'invctl doctor --fix      (makes it, as invctl init does)';
}
