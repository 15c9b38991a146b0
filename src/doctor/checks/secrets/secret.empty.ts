import { readSecretFile } from '../../../project/secret-file.js';
import { defineCheck } from '../../check.js';
import type { Facts } from '../../facts.js';
import { guardsData, makeSecret, WRITTEN_BY_UP } from '../../fix/secret-file.js';
import { grantedSecrets } from '../../granted-secrets.js';

export const check = defineCheck({
  id: 'secret.empty',
  chapter: 'secrets',
  title: 'a secret is empty',
  severity: 'fail',
  blocksUp: 'SECRET_EMPTY',
  why: 'An empty password is refused by PostgreSQL at initialisation, and by the app at its start.',
  docs: `Often \`touch\`, or a redirection of a command that failed. Write the secret, or let \`invctl doctor --fix\` make a random one.`,
  async probe(facts) {
    const empty = grantedSecrets(facts).filter(({ file }) => readSecretFile(file)?.trim() === '');
    return Promise.all(
      empty.map(async (secret) => {
        const { name, file, services } = secret;
        return {
          message: `the secret "${name}" is empty`,
          ...(facts.settings?.secrets[name] ? WRITTEN_BY_UP : { next: await howToFill(facts, name, file) }),
          service: services[0] as string,
          details: { secret: name },
          file,
          mend: () => makeSecret(facts, secret),
        };
      }),
    );
  },
  fix: { safety: 'safe' },
});

async function howToFill(facts: Facts, name: string, file: string): Promise<string> {
  return (await guardsData(facts, name))
    ? `put the old password into ${facts.shown(file)}      (the database has data under it)`
    : 'invctl doctor --fix      (makes one, as invctl init does where there is none)';
}
