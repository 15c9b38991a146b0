import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as argv from '../../../../src/engine/compose/argv.js';
import { projectFromConfig } from '../../../../src/project/from-config.js';
import { locateProject } from '../../../../src/project/locate.js';
import { readProject } from '../../../../src/project/read.js';
import { withoutDocker } from '../../../support/docker.js';
import { bareShell, composeConfig, withProject } from '../../../support/project/project-on-disk.js';
import { wholeProjects } from '../../../support/project/whole-projects.js';

describe.skipIf(withoutDocker)('a project read from its files is the one that Compose reads', () => {
  it.each(wholeProjects)('$title', async ({ files, env, from }) => {
    await withProject(files, async (root) => {
      const directory = join(root, from ?? '');
      const shell = bareShell(env);
      const location = locateProject(directory, shell);
      const verdict = composeConfig(directory, shell);
      if (!verdict.accepts) throw new Error(`Compose refuses the fixture: ${verdict.stderr}`);
      const { project } = await readProject(location, shell);
      expect(project).toEqual(projectFromConfig(verdict.config, location));
      // invctl starts Compose in the project's own folder, which must make no difference.
      const asInvctl = composeConfig(location.directory, shell, argv.config(location));
      expect(asInvctl).toMatchObject({ accepts: true, config: verdict.config });
    });
  });
});
