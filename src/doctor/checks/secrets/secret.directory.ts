import { readdirSync, statSync } from 'node:fs';
import { defineCheck, type Finding } from '../../check.js';
import type { Facts } from '../../facts.js';
import { makeSecret } from '../../fix/secret-file.js';
import { declaredAt, type GrantedSecret, grantedSecrets } from '../../granted-secrets.js';

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
      .map((secret) => {
        const { name, file, services } = secret;
        return {
          message: holdsProject(facts, file)
            ? `the path of the secret "${name}" is the project's own folder, not a file`
            : `the secret "${name}" is a folder, not a file: ${facts.shown(file)}`,
          ...wayOut(facts, secret),
          service: services[0] as string,
          details: { secret: name },
          ...declaredAt(facts, name),
        };
      });
  },
  fix: { safety: 'safe' },
});

function wayOut(facts: Facts, secret: GrantedSecret): Pick<Finding, 'next' | 'mend'> {
  const { name, file } = secret;
  if (holdsProject(facts, file)) {
    return {
      next: `name a file under secrets.${name}.file      (a variable in it without a value leaves nothing)`,
    };
  }
  if (readdirSync(file).length > 0) {
    return {
      next: `look into ${facts.argument(file)}, move what is in it, and write the secret to a file of that name`,
    };
  }
  return {
    next: facts.scaffold
      ? `rmdir ${facts.argument(file)} && invctl init`
      : `rmdir ${facts.argument(file)}      (then write the secret there, or: invctl doctor --fix)`,
    mend: () => makeSecret(facts, secret, { replaceFolder: true }),
  };
}

/** Whether the folder contains the project: no finding may suggest removing it. */
function holdsProject({ location: { directory } }: Facts, file: string): boolean {
  return directory === file || directory.startsWith(file.endsWith('/') ? file : `${file}/`);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
