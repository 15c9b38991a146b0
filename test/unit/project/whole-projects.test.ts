import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { locateProject } from '../../../src/project/locate.js';
import { readProject } from '../../../src/project/read.js';
import { bareShell, withProject } from '../../support/project/project-on-disk.js';
import { wholeProjects } from '../../support/project/whole-projects.js';

// What the snapshots hold is what the engine reads: the end-to-end test of the same name compares the two.
describe('a whole project without an engine', () => {
  it.each(wholeProjects)('$title', async ({ files, env, from }) => {
    await withProject(files, async (root) => {
      const shell = bareShell(env);
      const { project, warnings } = await readProject(locateProject(join(root, from ?? ''), shell), shell);
      const text = JSON.stringify({ project, warnings }, null, 1);
      expect(
        text.replaceAll(root, '/shop').replaceAll(join(root, '..'), '').replaceAll(homedir(), '~'),
      ).toMatchSnapshot();
    });
  });
});
