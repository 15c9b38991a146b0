import { describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { bareShell, composeConfig, withProject } from '../../../support/project/project-on-disk.js';
import { refusedProjects } from '../../../support/project/refused-projects.js';

describe.skipIf(withoutDocker)('what we refuse, Compose refuses', () => {
  it.each(refusedProjects)('$title', async ({ files, env }) => {
    await withProject(files, (directory) => {
      expect(composeConfig(directory, bareShell(env))).toMatchObject({ accepts: false });
    });
  });
});
