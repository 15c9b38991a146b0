import { readdirSync, statSync } from 'node:fs';
import { defineCheck } from '../../check.js';
import type { Facts } from '../../facts.js';
import { makeSecret } from '../../fix/secret-file.js';
import { declaredAt, grantedSecrets } from '../../granted-secrets.js';

export const check = defineCheck({
  id: 'secret.directory',
  chapter: 'secrets',
  title: 'a folder is in the place of a secret',
  severity: 'fail',
  requires: ['env.required'],
  blocksUp: 'SECRET_IS_DIRECTORY',
  why: 'The container gets a folder where it reads a file, and fails to read it.',
  docs: `An engine that finds no file to mount makes a folder in its place. Remove the empty folder and write the file. Where the path comes from a variable without a value, it is the project's own folder: set the variable.`,
  probe(facts) {
    return grantedSecrets(facts)
      .filter(({ file }) => isFolder(file))
      .map(({ name, file, services }) => ({
        message: holdsProject(facts, file)
          ? `the path of the secret "${name}" is the project's own folder, not a file`
          : `the secret "${name}" is a folder, not a file: ${facts.shown(file)}`,
        next: holdsProject(facts, file)
          ? `name a file under secrets.${name}.file      (a variable in it without a value leaves nothing)`
          : facts.scaffold
            ? `rmdir ${facts.argument(file)} && invctl init`
            : `rmdir ${facts.argument(file)}      (then write the secret there, or: invctl doctor --fix)`,
        service: services[0] as string,
        details: { secret: name },
        ...declaredAt(facts, name),
      }));
  },
  fix: {
    safety: 'safe',
    async plan(facts) {
      const steps = grantedSecrets(facts)
        .filter(({ file }) => isFolder(file) && !holdsProject(facts, file) && readdirSync(file).length === 0)
        .map((secret) => makeSecret(facts, secret, { replaceFolder: true }));
      return (await Promise.all(steps)).flat();
    },
  },
});

/** Whether the folder contains the project: no finding may suggest removing it. */
function holdsProject({ location: { directory } }: Facts, file: string): boolean {
  return directory === file || directory.startsWith(file.endsWith('/') ? file : `${file}/`);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
