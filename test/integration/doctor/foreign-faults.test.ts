import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FOREIGN } from '../../support/doctor/foreign.js';
import { FOREIGN_FAULTS } from '../../support/doctor/foreign-faults.js';
import { NO_ENGINE, type SickProject, writtenProject } from '../../support/doctor/project.js';

/** Two passwords stand in its compose file, which is its owner's choice, and there is no engine. */
const ALWAYS = ['sec.literal', 'engine.unreachable'];

describe('in a project that invctl did not make', () => {
  let project: SickProject;
  beforeAll(async () => {
    project = await writtenProject(FOREIGN, NO_ENGINE);
  });
  afterEach(() => project.heal());
  afterAll(() => project.dispose());

  const others = (ids: readonly string[]) => ids.filter((id) => !ALWAYS.includes(id));

  it('finds nothing but the passwords in its compose file', async () => {
    const { rootCauses, checks } = await project.doctor();
    expect(rootCauses).toEqual(ALWAYS);
    expect(checks.find(({ check }) => check.id === 'sec.literal')?.findings.map(({ line }) => line)).toEqual([
      8, 20,
    ]);
  });

  it.each(FOREIGN_FAULTS.map((fault) => [`${fault.id} ${fault.variant ?? ''}`, fault] as const))(
    'names %s',
    async (_, fault) => {
      await fault.break(project);
      const found = await project.doctor();
      expect(others(found.rootCauses)).toEqual([fault.id, ...(fault.also ?? [])]);
      if (!fault.mended) return;
      const mended = await project.fix();
      expect(mended.fixed).toContain(fault.id);
      expect(others(mended.rootCauses)).toEqual([]);
    },
  );
});
