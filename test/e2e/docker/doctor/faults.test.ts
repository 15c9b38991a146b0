import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CHECKS } from '../../../../src/doctor/registry.js';
import { withoutDocker } from '../../../support/docker.js';
import { docker, leftovers, removeProject } from '../../../support/docker-project.js';
import { type Fault, FILE_FAULTS } from '../../../support/doctor/file-faults.js';
import { FOREIGN } from '../../../support/doctor/foreign.js';
import { FOREIGN_FAULTS } from '../../../support/doctor/foreign-faults.js';
import { HEALTH_FAULTS, HEALTH_PROJECT, HealthServer } from '../../../support/doctor/health-faults.js';
import { LIVE_FAULTS, up } from '../../../support/doctor/live-faults.js';
import { PRODUCTION_FAULTS } from '../../../support/doctor/production-faults.js';
import { type SickProject, scaffoldProject, writtenProject } from '../../../support/doctor/project.js';
import { SMALL_FAULTS } from '../../../support/doctor/small-faults.js';
import { faultSteps } from '../../../support/fault-counts.js';

/** Ids whose fault is no fault of a project: each has a test of its own. */
const ELSEWHERE = ['engine.unreachable', 'port.own'];
/** A file that was edited under a running container is that as well. */
const EDITED = ['env.stale', 'env.invisible'];

const chapterOf = (id: string) => CHECKS.find((check) => check.id === id)?.chapter;
const label = (fault: Fault) => [`${fault.id} ${fault.variant ?? ''}`, fault] as const;

describe('the fault suite', () => {
  it('has a fault for every check', () => {
    const faults = [...FILE_FAULTS, ...LIVE_FAULTS, ...SMALL_FAULTS, ...PRODUCTION_FAULTS].map(
      ({ id }) => id,
    );
    if (process.getuid?.() !== 0) faults.push('engine.denied');
    faults.push(...HEALTH_FAULTS.flatMap(({ id, also = [] }) => [id, ...also]));
    const ids = new Set([...faults, ...ELSEWHERE]);
    expect(CHECKS.map(({ id }) => id).filter((id) => !ids.has(id))).toEqual([]);
    expect([...ids].filter((id) => !CHECKS.some((check) => check.id === id))).toEqual([]);
  });
});

describe.skipIf(withoutDocker)('on a running stack', () => {
  let project: SickProject;
  let content: string;
  /** The image was built with the fault in it. */
  let built = false;

  const psql = (sql: string) =>
    docker('exec', `${project.name}-db-1`, 'psql', '-XAtq', '-U', 'shop', '-d', 'shop', '-c', sql);
  const contentNow = () => psql("SELECT md5(string_agg(id || ':' || what, ',' ORDER BY id)) FROM things");

  beforeAll(async () => {
    project = await scaffoldProject();
    await up(project, '--build');
    await psql(
      "CREATE TABLE things AS SELECT id, 'thing ' || id AS what FROM generate_series(1, 1000) AS id",
    );
    content = await contentNow();
  });
  afterEach(async () => {
    await project.heal();
    await up(project, ...(built ? ['--build'] : []));
    built = false;
    expect(await contentNow()).toBe(content);
  });
  afterAll(async () => {
    await removeProject(project.name);
    await project.dispose();
    expect(await leftovers(project.name)).toEqual([]);
  });

  it('a healthy one has no fail and no warn, and holds its own port', async () => {
    const { checks, rootCauses, engine } = await project.doctor();
    expect(engine).toBe('docker');
    expect(checks.filter(({ outcome }) => ['fail', 'warn', 'crashed'].includes(outcome))).toEqual([]);
    expect(rootCauses).toEqual([]);
    expect(checks.find(({ check }) => check.id === 'port.own')?.findings[0]?.message).toContain(
      `${project.name}-api-1`,
    );
  });

  // The integration tests have each of these; on a stack that runs, the usual suites take one of each chapter.
  const inFiles = FILE_FAULTS.filter(({ variant, whenNew }) => !variant && !whenNew);
  const isUsual = ({ id, mended }: Fault) =>
    mended && inFiles.find((one) => one.mended && chapterOf(one.id) === chapterOf(id))?.id === id;

  it.each(
    faultSteps(
      [...inFiles.filter(isUsual), ...LIVE_FAULTS],
      inFiles.filter((fault) => !isUsual(fault)),
    ).map(label),
  )('names %s', async (_, fault) => {
    built = fault.builds ?? false;
    await fault.break(project);
    const found = await project.doctor();
    expect(found.rootCauses.filter((id) => id === fault.id || !EDITED.includes(id))).toEqual([
      fault.id,
      ...(fault.also ?? []),
    ]);
    if (!fault.mended) return;
    const mended = await project.fix();
    expect(mended.fixed).toContain(fault.id);
    expect(mended.rootCauses).toEqual(fault.remains ?? []);
  });
});

describe.skipIf(withoutDocker)('on a running stack that invctl did not make', () => {
  let project: SickProject;
  beforeAll(async () => {
    project = await writtenProject(FOREIGN);
    await up(project, '--build');
  });
  afterEach(() => project.heal());
  afterAll(async () => {
    await removeProject(project.name);
    await project.dispose();
  });

  it('finds nothing but the passwords in its compose file', async () => {
    expect((await project.doctor()).rootCauses).toEqual(['sec.literal']);
  });

  // The integration tests have each of these too.
  const inFiles = FOREIGN_FAULTS.filter(({ whenNew }) => !whenNew);
  const isUsual = ({ id }: Fault) => inFiles.find((one) => chapterOf(one.id) === chapterOf(id))?.id === id;

  it.each(
    faultSteps(
      inFiles.filter(isUsual),
      inFiles.filter((fault) => !isUsual(fault)),
    ).map(label),
  )('names %s', async (_, fault) => {
    await fault.break(project);
    const { rootCauses } = await project.doctor();
    const others = rootCauses.filter((id) => id === fault.id || ![...EDITED, 'sec.literal'].includes(id));
    expect(others).toEqual([fault.id, ...(fault.also ?? [])]);
  });

  it('names db.password-drift: the URL of the app has another password than the database', async () => {
    project.edit('docker-compose.yml', 'stock:once-upon-a-time@', 'stock:another-password@');
    const { rootCauses, checks } = await project.doctor();
    expect(rootCauses[0]).toBe('db.password-drift');
    const [finding] = checks.find(({ check }) => check.id === 'db.password-drift')?.findings ?? [];
    expect(finding).toMatchObject({ service: 'warehouse', line: 8 });
  });
});

describe.skipIf(withoutDocker)('a database that runs', () => {
  let project: SickProject;
  let server: HealthServer;
  beforeAll(async () => {
    project = await writtenProject(HEALTH_PROJECT);
    await up(project);
    server = new HealthServer(project);
  });
  afterAll(async () => {
    await removeProject(project.name);
    await project.dispose();
    expect(await leftovers(project.name)).toEqual([]);
  });

  it('has nothing in Database health while it is new', async () => {
    const { checks } = await project.doctor();
    const health = checks.filter(({ check }) => check.chapter === 'health');
    expect(health.filter(({ outcome }) => outcome !== 'pass')).toEqual([]);
  });

  // One after the other: each finds the server as the one before has left it.
  it.each(HEALTH_FAULTS.map((fault) => [fault.id, fault] as const))('names %s', async (id, fault) => {
    await fault.break(server);
    const { rootCauses, checks } = await project.doctor();
    const found = rootCauses.filter((one) => one.startsWith('health.'));
    expect(found.sort()).toEqual([id, ...(fault.also ?? [])].sort());
    const [finding] = checks.find(({ check }) => check.id === id)?.findings ?? [];
    expect(finding?.message).toMatch(fault.says);
    expect(finding?.service).toBe('db');
    await fault.heal?.(server);
  });
});

describe.skipIf(withoutDocker)('a small project that was started', () => {
  it.concurrent.each(SMALL_FAULTS.map((fault) => [fault.id, fault] as const))(
    'names %s',
    async (id, fault) => {
      const project = await writtenProject({ 'compose.yaml': fault.compose });
      try {
        await docker('compose', '--project-directory', project.folder, 'up', '--detach');
        const [template, printed] = fault.until;
        while (
          !printed.test(await docker('inspect', '--format', template, `${project.name}-${fault.service}-1`))
        ) {
          await sleep(100);
        }
        const { rootCauses } = await project.doctor();
        expect(rootCauses[0]).toBe(id);
      } finally {
        await removeProject(project.name);
        await project.dispose();
      }
    },
  );
});
