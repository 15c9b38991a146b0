import { describe, expect, it } from 'vitest';
import { locateProject } from '../../../src/project/locate.js';
import { readProject } from '../../../src/project/read.js';
import { environmentCases } from '../../support/project/environment-cases.js';
import { bareShell, withProject } from '../../support/project/project-on-disk.js';

describe("a service's environment", () => {
  it.each(environmentCases)('$title', async ({ files, env, expected }) => {
    await withProject(files, async (directory) => {
      const shell = bareShell(env);
      const { project } = await readProject(locateProject(directory, shell), shell);
      expect(project.services.web?.environment).toEqual(expected);
    });
  });
});
