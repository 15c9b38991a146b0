import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CHECKS } from '../../../src/doctor/registry.js';
import { type CliOptions, invctl, othersReachTheCli } from '../../support/cli.js';
import { FILE_FAULTS } from '../../support/doctor/file-faults.js';
import { NO_ENGINE, type SickProject, scaffoldProject } from '../../support/doctor/project.js';
import { faultSteps } from '../../support/fault-counts.js';
import { schemaErrors } from '../../support/schema.js';

describe('invctl doctor', () => {
  let project: SickProject;
  beforeAll(async () => {
    project = await scaffoldProject(NO_ENGINE);
  });
  afterEach(() => project.heal());
  afterAll(() => project.dispose());

  const doctor = (args: readonly string[] = [], options: Partial<CliOptions> = {}) =>
    invctl(['doctor', ...args], { cwd: project.folder, ...options, env: { ...project.env, ...options.env } });
  const json = async (args: readonly string[] = []) => {
    const { code, stdout } = await doctor(['--json', ...args]);
    const document = JSON.parse(stdout);
    expect(schemaErrors('doctor', document)).toEqual([]);
    return { code, data: document.data };
  };
  const breakWith = (id: string) => FILE_FAULTS.find((fault) => fault.id === id)?.break(project);
  const ESCAPE = '\u001b[';

  it('tells cause, command and reason in the first three lines, one line each on a pipe', async () => {
    await breakWith('db.localhost');
    const { code, stdout } = await doctor();
    expect(code).toBe(5);
    const [what, next, why] = stdout.split('\n');
    expect(what).toMatch(/^✗ stack\/\.env:\d+: DATABASE_HOST of "api" is localhost/);
    expect(next).toMatch(/^ {2}next: .*DATABASE_HOST to db/);
    expect(why).toMatch(/container itself.*\[db\.localhost, --fix]$/);
    expect(stdout).not.toContain(ESCAPE);
  });

  it('paints where it may', async () => {
    await breakWith('db.localhost');
    expect((await doctor([], { env: { FORCE_COLOR: '1' } })).stdout).toContain(ESCAPE);
    expect((await doctor([], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })).stdout).not.toContain(ESCAPE);
  });

  it('names two causes at once, and mutes what follows from one of them', async () => {
    await breakWith('env.missing');
    project.remove('secrets/admin_password.txt');
    const { code, data } = await json();
    expect(code).toBe(5);
    expect(data.rootCauses.slice(0, 2).sort()).toEqual(['env.missing', 'secret.missing']);
    await breakWith('compose.version');
    project.edit('compose.yaml', 'services:\n', 'services:\n  db: {}\n');
    const broken = (await json()).data;
    expect(broken.rootCauses.slice(0, 2)).toEqual(['compose.parse', 'engine.unreachable']);
    expect(broken.checks.find(({ id }: { id: string }) => id === 'compose.version')).toMatchObject({
      outcome: 'skip',
      followsFrom: ['compose.parse'],
    });
  });

  it('ends with 0, and with 5 for a warning that is asked to count', async () => {
    expect((await doctor()).code).toBe(0);
    expect((await doctor(['--strict'])).code).toBe(0);
    await breakWith('env.drift');
    expect((await doctor()).code).toBe(0);
    expect((await doctor(['--strict'])).code).toBe(5);
    expect((await doctor(['--strict', '--skip', 'env.drift'])).code).toBe(0);
    expect((await json(['--strict'])).code).toBe(5);
  });

  it('runs only what is asked for', async () => {
    const { data } = await json(['--only', 'env.drift,secret.missing']);
    expect(data.checks.map(({ id }: { id: string }) => id)).toEqual(['secret.missing', 'env.drift']);
  });

  it('refuses an unknown check, and suggests the near one', async () => {
    const { code, stderr } = await doctor(['--only', 'db.localhots']);
    expect(code).toBe(2);
    expect(stderr).toContain('did you mean db.localhost?');
  });

  it('is no doctor of a folder without a project', async () => {
    expect((await doctor([], { cwd: '/' })).code).toBe(4);
  });

  it('lists every check', async () => {
    const { code, stdout } = await doctor(['--list']);
    expect(code).toBe(0);
    for (const { id } of CHECKS) expect(stdout).toMatch(new RegExp(`^${id.replaceAll('.', '\\.')} `, 'm'));
    expect((await json(['--list'])).data.checks).toHaveLength(CHECKS.length);
  });

  it('silences what invctl.yaml ignores, visibly', async () => {
    await breakWith('db.localhost');
    project.write(
      'invctl.yaml',
      'doctor:\n  ignore:\n    - { id: db.localhost, reason: a tunnel runs in the container }\n',
    );
    const { code, stdout } = await doctor();
    expect(code).toBe(0);
    expect(stdout).toContain('db.localhost ignored in invctl.yaml: a tunnel runs in the container');
    project.write('invctl.yaml', 'doctor: { ignore: [{ id: db.localhost }] }\n');
    expect((await doctor()).code).toBe(4);
  });

  it('gives JSON for --format json as for --json', async () => {
    await breakWith('db.localhost');
    const [first, second] = await Promise.all([doctor(['--json']), doctor(['--format', 'json'])]);
    expect(second.stdout).toBe(first.stdout);
  });

  it('gives SARIF with file and line for findings that have them', async () => {
    await breakWith('db.localhost');
    const { code, stdout } = await doctor(['--format', 'sarif']);
    expect(code).toBe(5);
    const log = JSON.parse(stdout);
    expect(log.version).toBe('2.1.0');
    const [run] = log.runs;
    const [result] = run.results;
    expect(result).toMatchObject({
      ruleId: 'db.localhost',
      level: 'error',
      locations: [{ physicalLocation: { artifactLocation: { uri: 'stack/.env', uriBaseId: 'PROJECT' } } }],
    });
    expect(run.tool.driver.rules[result.ruleIndex].id).toBe('db.localhost');
    const { startLine } = result.locations[0].physicalLocation.region;
    expect(project.read('stack/.env').split('\n')[startLine - 1]).toBe('DATABASE_HOST=localhost');
    expect((await doctor(['--format', 'sarif', '--json'])).code).toBe(2);
  });

  it('--fix shows the difference, proves it, and ends with 0', async () => {
    await breakWith('db.localhost');
    const { code, stdout } = await doctor(['--fix']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^✓ set DATABASE_HOST: db under environment of api \(compose\.yaml\)/);
    expect(stdout).toContain('  +      DATABASE_HOST: db');
    expect(stdout).toContain('checked again: db.localhost');
    expect(project.read('compose.yaml')).toContain('DATABASE_HOST: db');
  });

  it('--fix leaves what needs a yes where nobody can be asked, and says which flag gives it', async () => {
    await breakWith('db.network');
    const before = project.read('compose.yaml');
    const { code, stdout } = await doctor(['--fix']);
    expect(code).toBe(5);
    expect(stdout).toContain('it needs a yes: invctl doctor --fix --yes');
    expect(project.read('compose.yaml')).toBe(before);
    expect((await doctor(['--fix', '--yes'])).code).toBe(0);
  });

  const mayTry = process.getuid?.() !== 0 || othersReachTheCli();
  it.skipIf(!mayTry)('--fix in a folder that cannot be written says so', async () => {
    await breakWith('db.localhost');
    const before = project.read('compose.yaml');
    project.run('chmod', '0555', '.');
    const { code, stderr } = await doctor(['--fix'], process.getuid?.() === 0 ? { uid: 65_534 } : {});
    project.run('chmod', '0755', '.');
    expect(code).toBe(1);
    expect(stderr).toContain('permission denied');
    expect(project.read('compose.yaml')).toBe(before);
  });

  it.each(
    faultSteps(
      FILE_FAULTS.filter(({ variant }) => !variant),
      FILE_FAULTS.filter(({ variant }) => variant),
    ).map((fault) => [`${fault.id} ${fault.variant ?? ''}`, fault] as const),
  )('prints no secret where %s', async (_, fault) => {
    const [password, admin, jwt, literal, url, eaten] = Array.from(
      { length: 6 },
      () => `MARK${randomBytes(12).toString('hex')}`,
    );
    project.write('secrets/db_password.txt', `${password}`, 0o444);
    project.write('secrets/admin_password.txt', ` ${admin}`, 0o444);
    project.edit(
      'stack/.env',
      /JWT_SECRET_KEY=.*/,
      `JWT_SECRET_KEY=${jwt}\nSMTP_PASSWORD="${eaten}$nothing"`,
    );
    project.edit(
      'compose.yaml',
      'DATABASE_NAME:',
      `API_TOKEN: ${literal}\n      DATABASE_URL: postgres://shop:${url}@localhost/shop\n      DATABASE_NAME:`,
    );
    await fault.break(project);
    const input = { production: true };
    const results = [await project.doctor(input), await project.fix(input)];
    const told = JSON.stringify(
      results.map(({ checks, fixes }) => [checks.map(({ findings, reason }) => [findings, reason]), fixes]),
    );
    for (const secret of [password, admin, jwt, literal, url, eaten]) expect(told).not.toContain(secret);
  });

  it('prints no secret in any of its formats', async () => {
    const secret = `MARK${randomBytes(12).toString('hex')}`;
    project.write('secrets/admin_password.txt', ` ${secret}\r\n`, 0o444);
    project.edit(
      'compose.yaml',
      'DATABASE_HOST: db',
      `API_TOKEN: ${secret}\n      DATABASE_URL: postgres://shop:${secret}@localhost/shop`,
    );
    project.edit('stack/.env', 'LOG_LEVEL=info', `MAIL_PASSWORD=${secret}$eaten`);
    for (const args of [
      [],
      ['--json'],
      ['--format', 'sarif'],
      ['-v'],
      ['--production'],
      ['--fix', '--yes'],
    ]) {
      const { stdout, stderr } = await doctor(args);
      expect(stdout.length).toBeGreaterThan(100);
      expect(stdout + stderr).not.toContain(secret);
    }
  });
});
