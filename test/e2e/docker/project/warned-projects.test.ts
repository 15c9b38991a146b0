import { describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { bareShell, composeConfig, withProject } from '../../../support/project/project-on-disk.js';
import { warnedProjects } from '../../../support/project/warned-projects.js';

describe.skipIf(withoutDocker)('what we warn about, Compose warns about', () => {
  it.each(warnedProjects)('$title', async ({ files, env, engine }) => {
    await withProject(files, (directory) => {
      const verdict = composeConfig(directory, bareShell(env));
      expect(verdict.accepts).toBe(true);
      expect(verdict.stderr).toMatch(engine);
    });
  });
});
