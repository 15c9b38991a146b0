import { readdirSync, statSync } from 'node:fs';
import { defineCheck } from '../../check.js';
import { makeSecret } from '../../fix/secret-file.js';
import { declaredAt, grantedSecrets } from '../../granted-secrets.js';

export const check = defineCheck({
  id: 'secret.directory',
  chapter: 'secrets',
  title: 'a folder is in the place of a secret',
  severity: 'fail',
  blocksUp: 'SECRET_IS_DIRECTORY',
  why: 'The container gets a folder where it reads a file, and fails to read it.',
  docs: `An engine that finds no file to mount makes a folder in its place. Remove the empty folder and write the file.`,
  probe(facts) {
    return grantedSecrets(facts)
      .filter(({ file }) => isFolder(file))
      .map(({ name, file, services }) => ({
        message: `the secret "${name}" is a folder, not a file: ${facts.shown(file)}`,
        next: facts.scaffold
          ? `rmdir '${facts.shown(file)}' && invctl init`
          : `rmdir '${facts.shown(file)}'      (then write the secret there, or: invctl doctor --fix)`,
        service: services[0] as string,
        details: { secret: name },
        ...declaredAt(facts, name),
      }));
  },
  fix: {
    safety: 'safe',
    async plan(facts) {
      const steps = grantedSecrets(facts)
        .filter(({ file }) => isFolder(file) && readdirSync(file).length === 0)
        .map((secret) => makeSecret(facts, secret, { replaceFolder: true }));
      return (await Promise.all(steps)).flat();
    },
  },
});

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
