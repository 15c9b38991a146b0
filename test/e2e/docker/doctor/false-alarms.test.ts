import { describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { writtenProject } from '../../../support/doctor/project.js';
import { VALID_PROJECTS } from '../../../support/doctor/valid-projects.js';

describe.skipIf(withoutDocker)('a valid project of another taste, with an engine', () => {
  it.each(Object.keys(VALID_PROJECTS))('%s: Compose takes it, and there is no fail', async (taste) => {
    const project = await writtenProject(VALID_PROJECTS[taste] as Record<string, string>);
    try {
      project.run('docker', 'compose', 'config', '--quiet');
      const { checks } = await project.doctor();
      expect(
        checks
          .filter(({ outcome }) => outcome === 'fail' || outcome === 'crashed')
          .map(({ check, reason, findings }) => [check.id, reason, findings[0]?.message]),
      ).toEqual([]);
    } finally {
      await project.dispose();
    }
  });
});
