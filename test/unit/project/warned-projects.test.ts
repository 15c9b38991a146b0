import { describe, expect, it } from 'vitest';
import { locateProject } from '../../../src/project/locate.js';
import { readProject } from '../../../src/project/read.js';
import { bareShell, withProject } from '../../support/project/project-on-disk.js';
import { warnedProjects } from '../../support/project/warned-projects.js';

describe('what Compose warns about', () => {
  it.each(warnedProjects)('$title', async ({ files, env, warnings: expected }) => {
    await withProject(files, async (directory) => {
      const shell = bareShell(env);
      const { warnings } = await readProject(locateProject(directory, shell), shell);
      expect(warnings).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
    });
  });
});
