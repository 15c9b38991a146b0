import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ignoreRules from 'ignore';
import { defineCheck } from '../../check.js';
import type { Facts } from '../../facts.js';
import { editFile } from '../../fix/edit-file.js';
import { sensitiveFiles } from '../../sensitive-files.js';

export const check = defineCheck({
  id: 'sec.gitignore',
  chapter: 'security',
  title: 'git does not ignore a secret',
  severity: 'warn',
  requires: ['sec.tracked'],
  why: 'One `git add .` puts it into the history, from where it never goes away.',
  docs: `Secrets and \`.env\` files belong into \`.gitignore\`, their examples do not. \`git check-ignore -v FILE\` says which rule holds. Outside of a git work tree the check reads the project's \`.gitignore\`.`,
  async probe(facts) {
    const exposed = await notIgnored(facts);
    if (!exposed) return { skip: 'the project is not a git work tree and has no .gitignore' };
    return exposed.map((path) => ({
      message: `${path} is not ignored by git`,
      next: 'invctl doctor --fix      (adds it to .gitignore)',
      file: join(facts.location.directory, path),
    }));
  },
  fix: {
    safety: 'safe',
    async plan(facts) {
      const exposed = (await notIgnored(facts)) ?? [];
      if (exposed.length === 0) return [];
      // A folder of secrets is ignored as a whole, so that files added later are ignored too.
      const rules = new Set(exposed.map((path) => (dirname(path) === '.' ? `/${path}` : ruleFor(path))));
      return editFile(facts, {
        file: join(facts.location.directory, '.gitignore'),
        summary: `add ${[...rules].join(', ')} to .gitignore`,
        change: (text) =>
          `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${text === '' ? '' : '\n'}# Secrets stay on this machine\n${[...rules].join('\n')}\n`,
      });
    },
  },
});

function ruleFor(path: string): string {
  return /(^|\/)secrets\//.test(path) ? `/${path.replace(/((?:^|\/)secrets\/).*$/, '$1')}` : `/${path}`;
}

/** Paths relative to the project; undefined when git cannot tell. */
async function notIgnored(facts: Facts): Promise<string[] | undefined> {
  const { directory } = facts.location;
  const paths = sensitiveFiles(facts).map((file) => relative(directory, file));
  const tracked = await facts.tracked();
  if (tracked) {
    if (paths.length === 0) return [];
    const result = await facts.processes.run('git', ['check-ignore', '--no-index', '-z', '--stdin'], {
      cwd: directory,
      allowFailure: true,
      input: paths.join('\0'),
    });
    const ignored = new Set(result.stdout.split('\0'));
    return paths.filter((path) => !ignored.has(path) && !tracked.has(path));
  }
  const file = join(directory, '.gitignore');
  if (!existsSync(file)) return facts.scaffold ? paths : undefined;
  const rules = ignoreRules().add(readFileSync(file, 'utf8'));
  return paths.filter((path) => !rules.ignores(path));
}
