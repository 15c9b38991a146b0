import { readFileSync, statSync } from 'node:fs';
import { doubtfulBytes } from '../../../project/secret-file.js';
import { defineCheck } from '../../check.js';
import type { Facts } from '../../facts.js';
import { editFile } from '../../fix/edit-file.js';
import { guardsData } from '../../fix/secret-file.js';
import { type GrantedSecret, grantedSecrets } from '../../granted-secrets.js';

export const check = defineCheck({
  id: 'secret.bytes',
  chapter: 'secrets',
  title: 'a secret has bytes that its readers take differently',
  severity: 'fail',
  requires: ['secret.empty'],
  why: 'One reader cuts such bytes off and another keeps them: the server and the app then have two passwords.',
  docs: `An editor on Windows ends lines with CR LF, and may begin the file with a byte order mark. PostgreSQL, when it makes its data, cuts off newlines and carriage returns at the end, passes over a BOM (as SASLprep says), and keeps spaces and a carriage return in the middle; an app may do otherwise with each of them. \`od -c FILE\` shows the bytes. Write the secret without any of them: \`printf %s 'SECRET' > FILE\`.`,
  async probe(facts) {
    const found = await Promise.all(
      grantedSecrets(facts).map(async (secret) => {
        const problem = problemOf(secret);
        if (problem === undefined) return [];
        const guarded = await guardsData(facts, secret.name);
        return [
          {
            message: `the secret "${secret.name}" ${problem}`,
            next: guarded
              ? `invctl secrets rotate ${secret.name}      (the database may have it otherwise)`
              : 'invctl doctor --fix      (removes them)',
            ...(guarded
              ? {}
              : {
                  nextByHand: `write ${facts.shown(secret.file)} again without them`,
                  mend: () => cleanedStep(facts, secret),
                }),
            service: secret.services[0] as string,
            file: secret.file,
          },
        ];
      }),
    );
    return found.flat();
  },
  fix: { safety: 'safe' },
});

function problemOf({ file }: GrantedSecret): string | undefined {
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return undefined;
  return doubtfulBytes(readFileSync(file, 'utf8'));
}

/** A step without a diff, because it would show the secret. */
async function cleanedStep(facts: Facts, { file, name }: GrantedSecret) {
  const steps = await editFile(facts, {
    file,
    summary: `remove BOM, CR and spaces around the secret "${name}" (${facts.shown(file)})`,
    change: (text) =>
      text
        .replace(/^\uFEFF/, '')
        .replaceAll(/[\r\0]/g, '')
        .trim(),
  });
  return steps.map(({ summary, apply }) => ({ summary, apply }));
}
