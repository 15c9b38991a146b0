import { relative } from 'node:path';
import { defineCheck } from '../../check.js';
import { sensitiveFiles } from '../../sensitive-files.js';

export const check = defineCheck({
  id: 'sec.tracked',
  chapter: 'security',
  title: 'git tracks a secret',
  severity: 'warn',
  why: 'It is in the history of every clone. Removing the file does not take it out: the secret is known.',
  docs: `\`git rm --cached FILE\` stops tracking it and keeps the file; a rule in \`.gitignore\` keeps it out. Then change the secret itself: \`invctl secrets rotate\`.`,
  async probe(facts) {
    const tracked = await facts.tracked();
    if (!tracked) return { skip: 'the project is not a git work tree' };
    return sensitiveFiles(facts).flatMap((file) => {
      const path = relative(facts.location.directory, file);
      return tracked.has(path)
        ? [
            {
              message: `git tracks ${path}, which holds a secret`,
              next: `git rm --cached '${path}'      (then change the secret: it is in the history)`,
              file,
              mend: async () => [
                {
                  summary: `git rm --cached ${path}      (the file stays)`,
                  async apply() {
                    await facts.processes.run('git', ['rm', '--cached', '--quiet', '--', path], {
                      cwd: facts.location.directory,
                    });
                  },
                },
              ],
            },
          ]
        : [];
    });
  },
  // The fix changes the person's git index.
  fix: { safety: 'ask' },
});
