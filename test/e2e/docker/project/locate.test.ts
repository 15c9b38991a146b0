import { describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { minimalServices, projectNames } from '../../../support/project/project-names.js';
import { bareShell, composeConfig, withProject } from '../../../support/project/project-on-disk.js';

describe.skipIf(withoutDocker)('Compose gives a project the name that we expect', () => {
  it.each(projectNames)('in %j is %s', async (text, expected) => {
    const files = { 'compose.yaml': `${text}${minimalServices}`, '.env': 'DOT=from-dot\n' };
    await withProject(files, (directory) => {
      expect(composeConfig(directory, bareShell())).toMatchObject({
        accepts: true,
        config: { name: expected },
      });
    });
  });
});
