import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fieldCases, fieldProject } from '../../support/doctor/field-case.js';
import { NO_ENGINE } from '../../support/doctor/project.js';

const CASES = fieldCases().filter(([, { steps }]) => !steps);

describe('a project of the field, without an engine', () => {
  it('is there', () => expect(CASES.length).toBeGreaterThanOrEqual(14));

  it.concurrent.each(CASES)('%s', async (name, expected) => {
    const project = await fieldProject(name, NO_ENGINE);
    try {
      const { checks, rootCauses } = await project.doctor();
      const of = (id: string) => checks.find(({ check }) => check.id === id);
      for (const [id, outcome] of Object.entries(expected.found ?? {})) {
        expect([id, of(id)?.outcome]).toEqual([id, outcome]);
      }
      for (const id of expected.quiet ?? []) expect([id, of(id)?.findings]).toEqual([id, []]);
      expect(checks.filter(({ outcome }) => outcome === 'crashed')).toEqual([]);
      const failing = rootCauses.filter((id) => of(id)?.outcome === 'fail');
      if (expected.roots) expect(failing).toEqual(expected.roots);
      else expect(failing.filter((id) => !(id in (expected.found ?? {})))).toEqual([]);
      for (const [id, [file, line]] of Object.entries(expected.line ?? {})) {
        const [finding] = of(id)?.findings ?? [];
        expect([id, basename(finding?.file ?? ''), finding?.line]).toEqual([id, file, line]);
      }
      const text = JSON.stringify(checks.map(({ findings, reason }) => [findings, reason]));
      for (const words of expected.says ?? []) expect(text).toContain(words);
      expect(text).not.toMatch(/'\.\/?'/);
      if (expected.secret) expect(text).not.toContain(expected.secret);

      if (expected.mended) {
        const mended = await project.fix({ only: expected.mended });
        expect(mended.fixed).toEqual(expected.mended);
      }
      if (expected.untouched) {
        const before = project.read('compose.yaml');
        await project.fix({ only: ['db.localhost', 'db.network', 'db.port'] });
        expect(project.read('compose.yaml')).toBe(before);
      }
    } finally {
      await project.dispose();
    }
  });
});
