import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ignoreRules from 'ignore';
import { defineCheck, type FixStep } from '../../check.js';
import type { Facts } from '../../facts.js';
import { editFile } from '../../fix/edit-file.js';
import { literalPattern } from '../../fix/literal-pattern.js';
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
    return [...exposed.keys()].map((path) => ({
      message: `${path} is not ignored by git`,
      next: 'invctl doctor --fix      (adds it to .gitignore)',
      nextByHand: `take back the rule "${exposed.get(path)}", by which git does not ignore it`,
      file: join(facts.location.directory, path),
      ...(exposed.get(path) === undefined ? { mend: () => ignoreAll(facts, exposed) } : {}),
    }));
  },
  fix: { safety: 'safe' },
});

/** One step that lets the project's `.gitignore` ignore all of the paths that it can. */
function ignoreAll(facts: Facts, exposed: ReadonlyMap<string, string | undefined>): Promise<FixStep[]> {
  const paths = [...exposed].flatMap(([path, exception]) => (exception === undefined ? [path] : []));
  // A folder of secrets is ignored as a whole, so that files added later are ignored too.
  const rules = [...new Set(paths.map(ruleFor))];
  return editFile(facts, {
    file: join(facts.location.directory, '.gitignore'),
    summary: `add ${rules.join(', ')} to .gitignore`,
    change: (text) =>
      `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${text === '' ? '' : '\n'}# Secrets stay on this machine\n${rules.join('\n')}\n`,
  });
}

function ruleFor(path: string): string {
  return `/${literalPattern(folderOfSecrets(path) ?? path)}`;
}

/**
 * Paths relative to the project, each with the rule of another file that makes an exception of it, against which the
 * project's own `.gitignore` can do nothing. Undefined when git cannot tell.
 */
async function notIgnored(facts: Facts): Promise<Map<string, string | undefined> | undefined> {
  const { directory } = facts.location;
  const paths = sensitiveFiles(facts).map((file) => relative(directory, file));
  const tracked = await facts.tracked();
  if (tracked) {
    if (paths.length === 0) return new Map();
    const result = await facts.processes.run(
      'git',
      ['check-ignore', '--no-index', '--verbose', '--non-matching', '-z', '--stdin'],
      { cwd: directory, allowFailure: true, input: paths.join('\0') },
    );
    const rules = rulesByPath(result.stdout);
    return new Map(
      paths.flatMap((path): [string, string | undefined][] => {
        const rule = rules.get(path);
        if (tracked.has(path) || (rule && !rule.pattern.startsWith('!'))) return [];
        const beyond = rule && isInDeeperFile(rule, path);
        return [[path, beyond ? `${rule.file}:${rule.line}: ${rule.pattern}` : undefined]];
      }),
    );
  }
  const file = join(directory, '.gitignore');
  if (!existsSync(file)) return facts.scaffold ? new Map(paths.map((path) => [path, undefined])) : undefined;
  const rules = ignoreRules().add(readFileSync(file, 'utf8'));
  return new Map(paths.filter((path) => !rules.ignores(path)).map((path) => [path, undefined]));
}

interface Rule {
  /** The ignore file. */
  file: string;
  line: string;
  pattern: string;
}

/** @param output of `git check-ignore -z --verbose --non-matching`: four fields a path, empty where no rule is about it */
function rulesByPath(output: string): Map<string, Rule> {
  const fields = output.split('\0');
  const rules = new Map<string, Rule>();
  for (let at = 0; at + 3 < fields.length; at += 4) {
    const [file, line, pattern, path] = fields.slice(at, at + 4) as [string, string, string, string];
    if (pattern !== '') rules.set(path, { file, line, pattern });
  }
  return rules;
}

/** Whether the rule is in a `.gitignore` between the project's and the path: those win over the project's. */
function isInDeeperFile({ file }: Rule, path: string): boolean {
  const secrets = folderOfSecrets(path);
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
    // Git does not look into a folder that it ignores as a whole.
    if (secrets !== undefined && `${folder}/`.startsWith(secrets)) continue;
    if (`/${file}`.endsWith(`/${folder}/.gitignore`)) return true;
  }
  return false;
}

function folderOfSecrets(path: string): string | undefined {
  return /^(?:.*\/)?secrets\//.exec(path)?.[0];
}
