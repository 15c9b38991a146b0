import { randomBytes } from 'node:crypto';
import { withValues } from '../../../project/edit-env-file.js';
import { isSecretName } from '../../../system/secret.js';
import { defineCheck, type FixStep } from '../../check.js';
import { isGenerated, SECRET_BYTES } from '../../env-example.js';
import { envFiles, readValues } from '../../env-files.js';
import type { Facts } from '../../facts.js';
import { editFile } from '../../fix/edit-file.js';
import { looksLikePlaceholder } from '../../placeholders.js';

export const check = defineCheck({
  id: 'env.placeholder',
  chapter: 'environment',
  title: "a secret still has the example's value",
  severity: 'warn',
  requires: ['env.syntax'],
  why: 'Everybody who has the repository knows it, and can sign in the name of anybody else.',
  docs: `Examples hold placeholders, and are in git. Generate a value of your own: \`openssl rand -hex 32\`. The API of a scaffold refuses to start with the placeholder.`,
  probe(facts) {
    return placeholders(facts).map(({ file, name, line, kept }) => ({
      message: `${name} in ${facts.shown(file)} is ${kept ? 'still the placeholder of the example' : 'a placeholder'}`,
      ...(facts.scaffold ? { severity: 'fail' as const } : {}),
      next: 'invctl doctor --fix      (generates one)',
      nextByHand: `set ${name} to a value of your own`,
      file,
      line,
      ...(isGenerated(name) ? { mend: () => generate(facts, file, name) } : {}),
    }));
  },
  fix: { safety: 'safe' },
});

function generate(facts: Facts, file: string, name: string): Promise<FixStep[]> {
  const value = randomBytes(SECRET_BYTES).toString('base64url');
  return editFile(facts, {
    file,
    summary: `generate ${name} in ${facts.shown(file)}`,
    change: (text) => withValues(text, new Map([[name, value]])),
  });
}

interface Placeholder {
  file: string;
  name: string;
  line: number;
  /** True: the example beside the file has the same value. */
  kept: boolean;
}

function placeholders(facts: Facts): Placeholder[] {
  return envFiles(facts).flatMap(({ file, example }) => {
    const examples = example ? readValues(example) : undefined;
    return [...(readValues(file) ?? [])].flatMap(([name, { value, line }]) => {
      if (value === '' || !isSecretName(name)) return [];
      const kept = examples?.get(name)?.value === value;
      return looksLikePlaceholder(value) && (kept || isGenerated(name)) ? [{ file, name, line, kept }] : [];
    });
  });
}
