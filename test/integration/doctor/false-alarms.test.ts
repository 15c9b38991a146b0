import { describe, expect, it } from 'vitest';
import { NO_ENGINE, writtenProject } from '../../support/doctor/project.js';
import { VALID_PROJECTS } from '../../support/doctor/valid-projects.js';

describe('a valid project of another taste', () => {
  it('there are twenty of them', () => {
    expect(Object.keys(VALID_PROJECTS).length).toBeGreaterThanOrEqual(20);
  });

  it.concurrent.each(Object.keys(VALID_PROJECTS))('%s: no fail', async (taste) => {
    const project = await writtenProject(VALID_PROJECTS[taste] as Record<string, string>, NO_ENGINE);
    try {
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
