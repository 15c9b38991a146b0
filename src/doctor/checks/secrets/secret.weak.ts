import { readSecretFile } from '../../../project/secret-file.js';
import { isReadOnce } from '../../admin-password.js';
import { defineCheck } from '../../check.js';
import { grantedSecrets, holdsName } from '../../granted-secrets.js';
import { looksLikePlaceholder } from '../../placeholders.js';

const FEWEST_CHARACTERS = 12;

export const check = defineCheck({
  id: 'secret.weak',
  chapter: 'secrets',
  title: 'a secret is short or a placeholder',
  severity: 'warn',
  requires: ['secret.missing', 'secret.empty', 'secret.directory'],
  why: 'Anyone who reaches the port tries the usual passwords first.',
  docs: `Shorter than ${FEWEST_CHARACTERS} characters, one of the usual passwords, or the example's own text. For the database use \`invctl secrets rotate db_password\`: the server has to learn the new one as well. The admin's password of a scaffold is read once, when the API creates the first admin: before that \`invctl secrets set admin_password\` is enough, afterwards \`invctl secrets rotate admin_password\` changes it in the API and in the file. For others write a new file: \`openssl rand -hex 24 | tr -d '\\n' > FILE\`. A secret that services read a user's or a database's name from (\`POSTGRES_USER_FILE\`) is left alone.`,
  probe(facts) {
    return grantedSecrets(facts).flatMap((granted) => {
      const { name, file, services } = granted;
      if (holdsName(facts, granted)) return [];
      const secret = readSecretFile(file)?.trim();
      if (!secret) return [];
      const placeholder = looksLikePlaceholder(secret);
      if (!placeholder && secret.length >= FEWEST_CHARACTERS) return [];
      return [
        {
          message: `the secret "${name}" ${placeholder ? 'is a placeholder or a usual password' : `has fewer than ${FEWEST_CHARACTERS} characters`}`,
          next: isReadOnce(facts, name)
            ? `invctl secrets rotate ${name}      (before the first \`up\`: invctl secrets set ${name})`
            : `invctl secrets rotate ${name}`,
          service: services[0] as string,
          file,
        },
      ];
    });
  },
});
