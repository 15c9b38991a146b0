import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FILE_FAULTS } from '../../support/doctor/file-faults.js';
import { NO_ENGINE, type SickProject, scaffoldProject } from '../../support/doctor/project.js';

describe('on a stopped project without an engine', () => {
  let project: SickProject;
  beforeAll(async () => {
    project = await scaffoldProject(NO_ENGINE);
  });
  afterEach(() => project.heal());
  afterAll(() => project.dispose());

  it('a fresh scaffold has no fail and no warn', async () => {
    const { checks } = await project.doctor();
    expect(checks.filter(({ outcome }) => ['fail', 'warn', 'crashed'].includes(outcome))).toEqual([]);
  });

  it.each(FILE_FAULTS.map((fault) => [`${fault.id} ${fault.variant ?? ''}`, fault] as const))(
    'names %s',
    async (_, fault) => {
      await fault.break(project);
      const found = await project.doctor();
      expect(found.rootCauses.filter((id) => id !== 'engine.unreachable')).toEqual([
        fault.id,
        ...(fault.also ?? []),
      ]);
      const { findings = [], fixable } = found.checks.find(({ check }) => check.id === fault.id) ?? {};
      expect(findings[0]?.message).toBeTruthy();
      expect(findings[0]?.next).toBeTruthy();
      expect(fixable).toBe(fault.mended ?? false);

      if (!fault.mended) return;
      const mended = await project.fix();
      expect(mended.fixed).toContain(fault.id);
      expect(mended.rootCauses.filter((id) => id !== 'engine.unreachable')).toEqual(fault.remains ?? []);
    },
  );

  it("advises `secrets rotate` for the admin's password as for the database's", async () => {
    for (const name of ['admin_password', 'db_password'])
      project.write(`secrets/${name}.txt`, 'k3Jx9', 0o444);
    const { checks } = await project.doctor();
    const { findings = [] } = checks.find(({ check }) => check.id === 'secret.weak') ?? {};
    const next = (secret: string) => findings.find(({ file }) => file?.includes(secret))?.next;
    expect(next('admin_password')).toBe(
      'invctl secrets rotate admin_password      (before the first `up`: invctl secrets set admin_password)',
    );
    expect(next('db_password')).toBe('invctl secrets rotate db_password');
  });
});
