import { UserError } from '../../../errors.js';
import { readSecretFile } from '../../../project/secret-file.js';
import { askProvider, providerCommand } from '../../../project/secret-provider.js';
import type { SecretProvider } from '../../../project/settings-file.js';
import { SETTINGS_FILE } from '../../../project/settings-path.js';
import { isReadOnce } from '../../admin-password.js';
import { defineCheck, type Finding } from '../../check.js';
import type { Facts } from '../../facts.js';
import { declaredAt } from '../../granted-secrets.js';

/** Shorter than a probe's limit, so that the command is ended here and not left running. */
const TIMEOUT_MS = 8_000;

export const check = defineCheck({
  id: 'secret.provider',
  chapter: 'secrets',
  title: "a secret's provider does not give it, or gives another value",
  severity: 'warn',
  why: 'The file has what the provider gave when it was written; the next rotation, and a new machine, depend on the provider.',
  docs: `A secret may come from a command: name it in \`invctl.yaml\` beside the compose file. It is an argument vector, run in that folder without a shell; it must end with status 0 within a minute (8 seconds for \`doctor\`) and print the value, of which one final newline is cut off. Anything else, an empty value above all, is an error, and nothing is written.

\`invctl up\` asks for what has no file yet and writes it where the compose file says; a file that is there stays. \`invctl secrets rotate NAME\` asks again and brings the new value to the database's role, the file and the services at once, so the order is: change it at the provider, then rotate. \`invctl secrets set\` refuses such a secret, and \`invctl init\` makes no file for it.

HashiCorp Vault:

\`\`\`yaml
secrets:
  db_password: { command: [vault, kv, get, -field=password, secret/inventory/db] }
\`\`\`

AWS Secrets Manager:

\`\`\`yaml
secrets:
  db_password:
    command: [aws, secretsmanager, get-secret-value, --secret-id, inventory/db, --query, SecretString, --output, text]
\`\`\`

1Password:

\`\`\`yaml
secrets:
  db_password: { command: [op, read, "op://inventory/db/password"] }
\`\`\`

Doppler:

\`\`\`yaml
secrets:
  db_password: { command: [doppler, secrets, get, DB_PASSWORD, --plain] }
\`\`\`

SOPS, out of an encrypted file of the repository:

\`\`\`yaml
secrets:
  db_password: { command: [sops, --decrypt, --extract, '["db_password"]', secrets.enc.yaml] }
\`\`\`

age, one encrypted file a secret:

\`\`\`yaml
secrets:
  db_password: { command: [age, --decrypt, --identity, /etc/inventory/age-key.txt, db_password.age] }
\`\`\``,
  async probe(facts) {
    const providers = Object.entries(facts.settings?.secrets ?? {});
    const found = providers.map(([name, provider]) => judge(facts, name, provider));
    return (await Promise.all(found)).flat();
  },
});

async function judge(facts: Facts, name: string, provider: SecretProvider): Promise<Finding[]> {
  const declared = facts.reading.loaded?.tree.entries.get('secrets');
  const file = facts.project.secrets[name]?.file;
  if (file === undefined) {
    // A secret that no active service gets is not in the project model.
    if (declared?.kind === 'map' && declared.entries.has(name) && !(name in facts.project.secrets)) return [];
    return [
      {
        severity: 'fail',
        message: `${SETTINGS_FILE} has a provider for "${name}", which is not a secret with a file in the compose file`,
        next: `mend secrets.${name} in ${SETTINGS_FILE}, or declare it: secrets: {${name}: {file: ./secrets/${name}.txt}}`,
      },
    ];
  }
  const written = readSecretFile(file)?.trim() ? readSecretFile(file) : undefined;
  const { processes, signal, location } = facts;
  try {
    const value = await askProvider(name, provider, {
      processes,
      signal,
      directory: location.directory,
      timeoutMs: TIMEOUT_MS,
    });
    if (written === undefined || value.reveal() === written) return [];
    return [
      {
        message: `the provider of "${name}" gives another value than ${facts.shown(file)} has`,
        next: `invctl secrets rotate ${name}      (brings it to ${isReadOnce(facts, name) ? 'the API' : 'the services that have it'})`,
        ...declaredAt(facts, name),
      },
    ];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return [
      {
        // Without a file, `up` needs the provider.
        ...(written === undefined ? { severity: 'fail' as const } : {}),
        message: facts.mask(error.message),
        next: `${providerCommand(provider)}      (must print the value and nothing else)`,
        ...declaredAt(facts, name),
      },
    ];
  }
}
