import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { makeReady, PRODUCTION_FAULTS } from '../../support/doctor/production-faults.js';
import { NO_ENGINE, type SickProject, scaffoldProject } from '../../support/doctor/project.js';

describe('doctor --production', () => {
  let project: SickProject;
  beforeAll(async () => {
    project = await scaffoldProject(NO_ENGINE);
    makeReady(project);
    project.mark();
  });
  afterEach(() => project.heal());
  afterAll(() => project.dispose());

  const judge = async () => {
    const { checks } = await project.doctor({ production: true });
    return checks.filter(({ check }) => check.chapter === 'production');
  };

  it('judges all twelve items of the checklist, and passes a project that is ready', async () => {
    const items = await judge();
    expect(items).toHaveLength(12);
    expect(items.filter(({ outcome }) => outcome !== 'pass')).toEqual([]);
  });

  it('is asked for', async () => {
    const { checks } = await project.doctor();
    expect(checks.filter(({ check }) => check.chapter === 'production')).toEqual([]);
  });

  it('adds a restart policy, bounds of logs and a memory limit', async () => {
    project.edit('compose.yaml', '    restart: unless-stopped\n', '');
    project.edit('compose.yaml', '    logging: *logging\n', '');
    project.edit('compose.yaml', 'memory: 512m, ', '');
    const { fixed } = await project.fix({ production: true });
    expect(fixed).toEqual(expect.arrayContaining(['prod.limits', 'prod.restart', 'prod.logs']));
    const ids = ['prod.limits', 'prod.restart'];
    for (const { check, outcome } of await judge()) if (ids.includes(check.id)) expect(outcome).toBe('pass');
  });

  it.each(PRODUCTION_FAULTS.map((fault) => [`${fault.id} ${fault.variant ?? ''}`, fault] as const))(
    'finds %s',
    async (_, fault) => {
      await fault.break(project);
      const other = (await judge()).filter(({ outcome }) => outcome !== 'pass');
      const item = other.find(({ check }) => check.id === fault.id);
      expect(item?.outcome).toBe(fault.unknown ? 'unknown' : 'fail');
      if (fault.unknown) expect(item?.reason).toBeTruthy();
      else expect(item?.findings[0]?.next).toBeTruthy();
    },
  );
});
