import { describe, expect, it } from 'vitest';
import { projectFromConfig } from '../../../../src/project/from-config.js';
import { locateProject } from '../../../../src/project/locate.js';
import { withoutDocker } from '../../../support/docker.js';
import { environmentCases } from '../../../support/project/environment-cases.js';
import { bareShell, composeConfig, withProject } from '../../../support/project/project-on-disk.js';

describe.skipIf(withoutDocker)('Compose gives each of our cases the environment that we expect', () => {
  it.each(environmentCases)('$title', async ({ files, env, expected }) => {
    await withProject(files, (directory) => {
      const shell = bareShell(env);
      const verdict = composeConfig(directory, shell);
      if (!verdict.accepts) throw new Error(`Compose refuses the case: ${verdict.stderr}`);
      const project = projectFromConfig(verdict.config, locateProject(directory, shell));
      expect(project.services.web?.environment).toEqual(expected);
    });
  });
});
