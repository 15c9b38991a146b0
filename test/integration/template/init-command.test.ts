import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { invctl, repository } from '../../support/cli.js';
import { snapshot, temporaryFolder } from '../../support/folder.js';

interface InitFile {
  path: string;
  status: string;
  added?: string[];
  edited?: boolean;
  diff?: string;
}

let root: string;
let shop: string;
/** What a first init without options made, once for all tests that begin behind it. */
let first: string;
beforeAll(async () => {
  first = await mkdtemp(join(tmpdir(), 'invctl-test-'));
  const { code, stdout, stderr } = await invctl(['init', 'shop'], { cwd: first });
  expect(code).toBe(0);
  refuseSecrets(`${stdout}${stderr}`, await secretsOf(join(first, 'shop')));
});
afterAll(() => rm(first, { recursive: true, force: true }));

beforeEach(async () => {
  root = await temporaryFolder();
  shop = join(root, 'shop');
});

/** Runs init in the test's folder and sees that no secret of the scaffold is in what it prints. */
async function init(...args: string[]) {
  const result = await invctl(['init', 'shop', ...args], { cwd: root });
  refuseSecrets(`${result.stdout}${result.stderr}`, await secretsOf(shop));
  return result;
}

function refuseSecrets(printed: string, secrets: readonly string[]): void {
  if (secrets.some((secret) => printed.includes(secret))) throw new Error('init printed a secret');
}

/** The scaffold of a first init, in the test's folder. */
async function scaffolded(): Promise<void> {
  execFileSync('cp', ['-a', join(first, 'shop'), shop]);
}

async function initJson(...args: string[]) {
  const result = await init(...args, '--json');
  const document = JSON.parse(result.stdout);
  if (document.ok && !schema(document))
    throw new Error(`not as its schema: ${JSON.stringify(schema.errors)}`);
  const files: InitFile[] = document.data?.files ?? [];
  const status = Object.fromEntries(files.map((file) => [file.path, file.status]));
  return { ...result, document, files, status };
}

const schema = new Ajv2020().compile(
  JSON.parse(readFileSync(join(repository, 'docs/schemas/init.json'), 'utf8')),
);

async function secretsOf(folder: string): Promise<string[]> {
  const read = async (path: string) => (await readFile(join(folder, path), 'utf8').catch(() => '')).trim();
  return [
    await read('secrets/db_password.txt'),
    await read('secrets/admin_password.txt'),
    /^JWT_SECRET_KEY=(.*)$/m.exec(await read('stack/.env'))?.[1] ?? '',
  ].filter((text) => text !== '');
}

async function mode(path: string): Promise<string> {
  return ((await stat(join(shop, path))).mode & 0o777).toString(8);
}

describe('a first init', () => {
  it('writes the scaffold, the lock last, and says what to type next', async () => {
    const { code, document, files, status } = await initJson('--port', '5080');
    expect(code).toBe(0);
    expect(document).toMatchObject({
      schemaVersion: 1,
      command: 'init',
      ok: true,
      data: { directory: shop, name: 'shop', created: true, dryRun: false, next: ['cd shop && invctl up'] },
      warnings: [],
    });
    expect(new Set(Object.values(status))).toEqual(new Set(['created']));
    expect(Object.keys(status)).toEqual(
      expect.arrayContaining([
        'compose.yaml',
        'stack/Dockerfile',
        'stack/.env',
        'stack/data/new_inventory.csv',
      ]),
    );
    expect(files.at(-1)?.path).toBe('.invctl/lock.json');
    for (const { path } of files) expect(existsSync(join(shop, path)), path).toBe(true);
    expect(JSON.parse(await readFile(join(shop, '.invctl/lock.json'), 'utf8'))).toMatchObject({
      options: { name: 'shop', port: 5080, postgres: 16, node: 24 },
    });
    expect(await readFile(join(shop, 'compose.yaml'), 'utf8')).toContain('"127.0.0.1:5080:5003"');
    expect((await readdir(join(shop, '.invctl'))).sort()).toEqual(['base.json.gz', 'lock.json']);
  });

  it('takes a port that is in use where it is asked to, with a warning; one that is recorded without', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const { code, document } = await initJson('--port', `${port}`);
    expect(code).toBe(0);
    expect(document.data.options.port).toBe(port);
    expect(document.warnings).toEqual([expect.stringContaining(`port ${port} is in use by the process`)]);
    expect((await initJson('--port', `${port}`)).document.warnings).toEqual([]);
    expect((await initJson()).document.warnings).toEqual([]);
  });

  it('takes the next free port where the usual one is in use, and says so', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => {
      // Somebody else on this machine may have it: as good.
      server.once('error', () => resolve());
      server.listen({ host: '127.0.0.1', port: 5003 }, resolve);
    });
    onTestFinished(() => void server.close());
    const { code, document } = await initJson();
    const { port } = document.data.options;
    expect(code).toBe(0);
    expect(port).toBeGreaterThan(5003);
    expect(document.warnings.join()).toContain(`the API of this project gets port ${port}`);
    expect(await readFile(join(shop, 'compose.yaml'), 'utf8')).toContain(`"127.0.0.1:${port}:5003"`);
  });

  it('makes secrets that other users cannot reach and containers can read', async () => {
    await scaffolded();
    expect(await mode('secrets')).toBe('700');
    expect(await mode('secrets/db_password.txt')).toBe('444');
    expect(await mode('secrets/admin_password.txt')).toBe('444');
    expect(await mode('stack/.env')).toBe('600');
    const secrets = await secretsOf(shop);
    expect(secrets).toHaveLength(3);
    expect(new Set(secrets).size).toBe(3);
    for (const secret of secrets) expect(secret).toMatch(/^[A-Za-z0-9_-]{43,64}$/);
    expect((await readFile(join(shop, 'secrets/db_password.txt'))).length).toBe(43);
  });

  it('takes the .env from the example, comments and all', async () => {
    await scaffolded();
    const [example, own] = await Promise.all(
      ['stack/.env.example', 'stack/.env'].map((path) => readFile(join(shop, path), 'utf8')),
    );
    const withoutKey = (text = '') => text.replace(/^JWT_SECRET_KEY=.*$/m, '');
    expect(withoutKey(own)).toBe(withoutKey(example));
    expect(own).not.toBe(example);
  });

  it('hides from git what must stay on the machine, and nothing else', async () => {
    await scaffolded();
    execFileSync('git', ['init', '-q'], { cwd: shop });
    const ignored = (path: string) => {
      try {
        execFileSync('git', ['check-ignore', '-q', path], { cwd: shop });
        return true;
      } catch {
        return false;
      }
    };
    const hidden = [
      'stack/.env',
      '.env',
      '.env.local',
      'secrets/db_password.txt',
      'secrets/admin_password.txt',
    ];
    hidden.push(
      'backups/x.dump',
      'tls.key',
      'certs/ca.pem',
      '.invctl/journal/1.json',
      '.invctl/project.lock',
    );
    hidden.push('.invctl/replaced/now/compose.yaml', 'stack/node_modules/a.js', 'stack/dist/main.js');
    expect(hidden.filter((path) => !ignored(path))).toEqual([]);
    const { files } = await initJson();
    const seen = files.map(({ path }) => path).filter((path) => !hidden.includes(path));
    expect(seen.filter(ignored)).toEqual([]);
    expect(seen).toContain('stack/.env.example');
    expect(seen).toContain('.invctl/lock.json');
  });

  it('names the project after the folder as Compose would', async () => {
    const folder = join(root, 'Mein Lädchen № 1');
    const { code, stdout } = await invctl(['init', folder, '--json'], { cwd: root });
    expect(code).toBe(0);
    expect(JSON.parse(stdout).data).toMatchObject({
      name: 'meinldchen1',
      directory: folder,
      next: ["cd 'Mein Lädchen № 1' && invctl up"],
    });
    expect(existsSync(join(folder, 'secrets/db_password.txt'))).toBe(true);
  });

  it('has a name for a folder whose own has no character that would do', async () => {
    const { stdout } = await invctl(['init', '日本', '--dry-run', '--json'], { cwd: root });
    expect(JSON.parse(stdout).data.name).toBe('inventory');
  });

  it('lives beside files that are there already, and reports those that collide', async () => {
    await mkdir(shop);
    await writeFile(join(shop, 'notes.txt'), 'mine\n');
    await writeFile(join(shop, 'README.md'), '# My shop\n');
    await writeFile(join(shop, '.gitignore'), 'tmp/\n');
    const { code, status, files } = await initJson();
    expect(code).toBe(0);
    expect(status).toMatchObject({
      'README.md': 'differs',
      '.gitignore': 'updated',
      'compose.yaml': 'created',
    });
    expect(files.find(({ path }) => path === 'README.md')?.edited).toBe(true);
    expect(await readFile(join(shop, 'README.md'), 'utf8')).toBe('# My shop\n');
    expect(await readFile(join(shop, 'notes.txt'), 'utf8')).toBe('mine\n');
    expect((await readFile(join(shop, '.gitignore'), 'utf8')).startsWith('tmp/\n\n')).toBe(true);
    expect((await initJson()).status).toMatchObject({ 'README.md': 'differs', '.gitignore': 'unchanged' });
  });
});

describe('a second init', () => {
  it('changes nothing, not even a time, and says so', async () => {
    await scaffolded();
    const before = await snapshot(shop);
    const { code, stdout } = await init();
    expect(code).toBe(0);
    expect(stdout).toContain('Nothing was changed.');
    expect(await snapshot(shop)).toEqual(before);
    expect((await initJson('--force')).document.data.created).toBe(false);
    expect(await snapshot(shop)).toEqual(before);
  });

  it('takes its options from the first, also under another folder name', async () => {
    await init('--port', '5080', '--postgres', '17', '--db-name', 'stock');
    const before = await snapshot(shop);
    execFileSync('mv', [shop, join(root, 'renamed')]);
    const { stdout } = await invctl(['init', '--json'], { cwd: join(root, 'renamed') });
    expect(JSON.parse(stdout).data).toMatchObject({
      name: 'shop',
      options: { port: 5080, postgres: 17, dbName: 'stock' },
      next: ['invctl up'],
    });
    expect(await snapshot(join(root, 'renamed'))).toEqual(before);
  });

  it('leaves an edited file alone until --force, which keeps a copy', async () => {
    await scaffolded();
    await appendFile(join(shop, 'compose.yaml'), '# mine\n');
    const edited = await readFile(join(shop, 'compose.yaml'), 'utf8');
    const before = await snapshot(shop);
    const { code, stdout } = await init();
    expect(code).toBe(0);
    expect(stdout).toMatch(/compose\.yaml\s+differs \(edited\)/);
    expect(stdout).toContain('--force');
    expect(await snapshot(shop)).toEqual(before);

    const forced = await initJson('--force');
    expect(forced.status).toMatchObject({ 'compose.yaml': 'replaced', 'stack/.env': 'unchanged' });
    expect(forced.status['secrets/db_password.txt']).toBe('kept');
    expect(await readFile(join(forced.document.data.copies, 'compose.yaml'), 'utf8')).toBe(edited);
    expect(await readFile(join(shop, 'compose.yaml'), 'utf8')).toBe(edited.replace('# mine\n', ''));
    const after = await snapshot(shop);
    for (const path of ['secrets/db_password.txt', 'secrets/admin_password.txt', 'stack/.env']) {
      expect(after[path], path).toBe(before[path]);
    }
  });

  it('with other options says what they would change; with --force it changes that and remembers', async () => {
    await scaffolded();
    const lock = () => readFile(join(shop, '.invctl/lock.json'), 'utf8');
    const before = await snapshot(shop);
    const { files, status } = await initJson('--port', '5081');
    expect(status).toMatchObject({ 'compose.yaml': 'differs', '.invctl/lock.json': 'unchanged' });
    expect(files.find(({ path }) => path === 'compose.yaml')?.edited).toBe(false);
    expect(await snapshot(shop)).toEqual(before);
    expect((await initJson('--port', '5081', '--force')).status['.invctl/lock.json']).toBe('updated');
    expect(JSON.parse(await lock())).toMatchObject({ options: { port: 5081 } });
    expect((await initJson()).status['compose.yaml']).toBe('unchanged');
    expect(existsSync(join(shop, '.invctl/aside'))).toBe(false);
  });

  it('adds the settings that .env lacks, and changes none', async () => {
    await scaffolded();
    await writeFile(join(shop, 'stack/.env'), '# mine\nJWT_SECRET_KEY=own\nENVIRONMENT=production', {
      mode: 0o600,
    });
    const { files, stderr } = await initJson();
    const added = files.find(({ path }) => path === 'stack/.env')?.added ?? [];
    expect(added).toContain('DATABASE_NAME');
    expect(added).not.toContain('ENVIRONMENT');
    const text = await readFile(join(shop, 'stack/.env'), 'utf8');
    expect(text.startsWith('# mine\nJWT_SECRET_KEY=own\nENVIRONMENT=production\n\n')).toBe(true);
    expect(text.match(/^JWT_SECRET_KEY=/gm)).toHaveLength(1);
    expect(await mode('stack/.env')).toBe('600');
    expect(stderr).toBe('');
    expect((await initJson()).status['stack/.env']).toBe('unchanged');
  });

  it('makes a missing database password anew and warns of the volume that has the old one', async () => {
    await scaffolded();
    await rm(join(shop, 'secrets/db_password.txt'));
    const { status, document } = await initJson();
    expect(status['secrets/db_password.txt']).toBe('created');
    expect(document.warnings.join()).toContain('db_password.txt was missing');
    expect((await initJson()).document.warnings).toEqual([]);
  });

  it('keeps an empty secret and warns of it', async () => {
    await scaffolded();
    await rm(join(shop, 'secrets/db_password.txt'));
    await writeFile(join(shop, 'secrets/db_password.txt'), '');
    const { status, document } = await initJson('--force');
    expect(status['secrets/db_password.txt']).toBe('kept');
    expect(document.warnings.join()).toContain('secrets/db_password.txt is left as it is: empty');
  });

  it('completes one that was killed', async () => {
    await scaffolded();
    const before = await snapshot(shop);
    for (const path of ['.invctl', 'secrets/admin_password.txt', 'stack/src']) {
      await rm(join(shop, path), { recursive: true });
    }
    const { code, status } = await initJson();
    expect(code).toBe(0);
    expect(status).toMatchObject({ 'compose.yaml': 'unchanged', '.invctl/lock.json': 'created' });
    expect(Object.keys(await snapshot(shop))).toEqual(Object.keys(before));
  });

  it.each([
    ['SIGKILL', null],
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    'completes one that got %s in the middle; only a kill leaves anything',
    async (signal, expected) => {
      let look: NodeJS.Timeout | undefined;
      const interrupted = await invctl(['init', 'shop'], {
        cwd: root,
        onSpawn: (child) => {
          look = setInterval(() => {
            if (!existsSync(join(shop, 'stack/src'))) return;
            clearInterval(look);
            child.kill(signal);
          }, 1);
        },
      });
      clearInterval(look);
      expect(interrupted.code).toBe(expected);
      if (signal !== 'SIGKILL') {
        expect(await readdir(root)).toEqual([]);
        return;
      }
      const { code, document } = await initJson();
      expect([code, document.data.created]).toEqual([0, true]);
      expect(Object.values((await initJson()).status)).not.toContain('created');
      expect(await secretsOf(shop)).toHaveLength(3);
      expect(Object.keys(await snapshot(shop)).filter((path) => path.endsWith('.partial'))).toEqual([]);
    },
  );

  it('at the same time as the first waits for it: one set of secrets', async () => {
    const results = await Promise.all([1, 2, 3].map(() => invctl(['init', 'shop', '--json'], { cwd: root })));
    expect(
      results.map(({ code, stderr }) => [
        code,
        stderr.replace(/^warning: (waiting|port 5003 is in use).*\n/gm, ''),
      ]),
    ).toEqual(results.map(() => [0, '']));
    expect(results.filter(({ stdout }) => JSON.parse(stdout).data.created)).toHaveLength(1);
    expect((await initJson()).document.data.files).not.toContainEqual(
      expect.objectContaining({ status: 'created' }),
    );
    expect((await readdir(join(shop, '.invctl'))).sort()).toEqual(['base.json.gz', 'lock.json']);
  });

  it('refuses a lock that is not what it wrote', async () => {
    await scaffolded();
    await writeFile(join(shop, '.invctl/lock.json'), '{"lockVersion":1}');
    const { code, document } = await initJson();
    expect(code).toBe(4);
    expect(document.error).toMatchObject({ code: 'LOCK_INVALID', file: join(shop, '.invctl/lock.json') });
  });
});

describe('--dry-run and --diff', () => {
  it('writes nothing, not even the folder', async () => {
    const { code, status, document } = await initJson('--dry-run');
    expect(code).toBe(0);
    expect(status['compose.yaml']).toBe('created');
    expect(document.data).toMatchObject({ created: false, dryRun: true, next: [] });
    expect(await readdir(root)).toEqual([]);
  });

  it('writes nothing over what is there', async () => {
    await scaffolded();
    await writeFile(join(shop, 'stack/.env'), 'ENVIRONMENT=production\n');
    await appendFile(join(shop, 'compose.yaml'), '# mine\n');
    const before = await snapshot(shop);
    const { stdout } = await init('--dry-run', '--force');
    expect(stdout).toContain('Dry run: nothing was written.');
    expect(stdout).toMatch(/stack\/\.env\s+updated: \d+ keys added/);
    expect(stdout).toMatch(/compose\.yaml\s+replaced/);
    expect(await snapshot(shop)).toEqual(before);
  });

  it('shows what differs as a unified diff, credentials hidden', async () => {
    await scaffolded();
    const file = join(shop, 'compose.yaml');
    const text = await readFile(file, 'utf8');
    await writeFile(
      file,
      text.replace('      POSTGRES_USER:', '      POSTGRES_PASSWORD: hunter2-marker\n      POSTGRES_USER:'),
    );
    await appendFile(join(shop, 'stack/.env'), 'EXTRA_TOKEN=env-marker\n');
    const { stdout } = await init('--diff');
    expect(stdout).toContain('--- a/compose.yaml');
    expect(stdout).toContain('+++ b/compose.yaml');
    expect(stdout).toContain('-      POSTGRES_PASSWORD: [redacted]');
    expect(stdout).not.toContain('marker');
    expect((await init()).stdout).not.toContain('+++');
    expect((await initJson('--diff')).files.filter(({ diff }) => diff).map(({ path }) => path)).toEqual([
      'compose.yaml',
    ]);
  });
});

describe('bad input', () => {
  it.each([
    ['--name', 'My Shop', '--name myshop'],
    ['--name', 'shop_', '--name shop'],
    ['--port', '99999', undefined],
    ['--postgres', '14', undefined],
    ['--node', '18', undefined],
    ['--db-name', 'x-y', undefined],
    ['--db-user', 'pg_x', undefined],
  ])('%s "%s" is a usage error', async (flag, value, hint) => {
    const { code, document } = await initJson(flag, value);
    expect(code).toBe(2);
    expect(document.error).toMatchObject({ code: 'USAGE', message: expect.stringContaining(value) });
    if (hint) expect(document.error.hint).toBe(hint);
    expect(await readdir(root)).toEqual([]);
  });

  it.each(['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'])(
    'a project with a %s that invctl did not make is left alone',
    async (name) => {
      await mkdir(shop);
      await writeFile(join(shop, name), 'services: {}\n');
      const before = await snapshot(shop);
      const { code, document } = await initJson();
      expect(code).toBe(4);
      expect(document.error).toMatchObject({ code: 'FOREIGN_PROJECT', file: join(shop, name) });
      expect(await snapshot(shop)).toEqual(before);
    },
  );

  it.each([
    ['compose.yaml', 'replaced'],
    ['docker-compose.yml', 'created'],
  ])('with --force it lives beside a %s that it did not make', async (name, status) => {
    await mkdir(shop);
    await writeFile(join(shop, name), 'services: {}\n');
    const forced = await initJson('--force');
    expect(forced.code).toBe(0);
    expect(forced.status['compose.yaml']).toBe(status);
    const kept = status === 'replaced' ? join(forced.document.data.copies, name) : join(shop, name);
    expect(await readFile(kept, 'utf8')).toBe('services: {}\n');
  });

  it('a file in place of the project folder', async () => {
    await writeFile(shop, 'a file\n');
    const { code, document } = await initJson();
    expect(code).toBe(1);
    expect(document.error).toMatchObject({ code: 'NOT_A_FOLDER', hint: expect.any(String) });
    expect(await readFile(shop, 'utf8')).toBe('a file\n');
  });

  it('a file in place of a folder of the scaffold', async () => {
    await mkdir(shop);
    await writeFile(join(shop, 'secrets'), 'a file\n');
    const { code, document } = await initJson();
    expect(code).toBe(1);
    expect(document.error.code).toBe('NOT_A_FOLDER');
    expect(await readdir(shop)).toEqual(['secrets']);
  });

  it('a folder in place of a secret', async () => {
    await mkdir(join(shop, 'secrets/db_password.txt'), { recursive: true });
    const { code, document } = await initJson();
    expect(code).toBe(1);
    expect(document.error).toMatchObject({ code: 'NOT_A_FILE', file: join(shop, 'secrets/db_password.txt') });
    expect(await readdir(shop)).toEqual(['secrets']);
  });

  it('a link that leads outside: nothing is written through it', async () => {
    const outside = join(root, 'outside');
    await mkdir(outside);
    await mkdir(shop);
    await symlink(outside, join(shop, 'stack'));
    const { code, document } = await initJson();
    expect(code).toBe(1);
    expect(document.error).toMatchObject({ code: 'SYMLINK_OUTSIDE', hint: expect.any(String) });
    expect(await readdir(outside)).toEqual([]);
    expect(await readdir(shop)).toEqual(['stack']);
  });

  it('a folder of invctl itself that is a link outside', async () => {
    const outside = join(root, 'outside');
    await mkdir(outside);
    await mkdir(shop);
    await symlink(outside, join(shop, '.invctl'));
    const { code, document } = await initJson();
    expect([code, document.error.code]).toEqual([1, 'SYMLINK_OUTSIDE']);
    expect(await readdir(outside)).toEqual([]);
  });
});

describe('a disk that will not take it', () => {
  /** A small file system of its own; undefined, with the reason printed, where mounting is refused. */
  async function mountTmpfs(size: string): Promise<string | undefined> {
    const folder = await mkdtemp(join(tmpdir(), 'invctl-mount-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder], { stdio: 'pipe' });
    } catch (error) {
      await rm(folder, { recursive: true });
      process.stderr.write(
        `skipped: this machine refuses to mount a tmpfs (${(error as Error).message.trim()})\n`,
      );
      return undefined;
    }
    onTestFinished(async () => {
      execFileSync('umount', [folder]);
      await rm(folder, { recursive: true });
    });
    return folder;
  }

  it('full: what was written is removed, what was there stays', async ({ skip }) => {
    const disk = await mountTmpfs('200k');
    if (!disk) return skip();
    const folder = join(disk, 'shop');
    const fresh = await invctl(['init', folder, '--json'], { cwd: disk });
    expect(fresh.code).toBe(1);
    expect(JSON.parse(fresh.stdout).error).toMatchObject({
      code: 'DISK_FULL',
      hint: expect.stringContaining(`df -h ${disk} `),
    });
    expect(await readdir(disk)).toEqual([]);

    await mkdir(join(folder, 'stack'), { recursive: true });
    await writeFile(join(folder, '.gitignore'), 'mine\n');
    await writeFile(join(folder, 'stack/.env'), 'A=1\n');
    const before = await snapshot(folder);
    const existing = await invctl(['init', folder, '--json'], { cwd: disk });
    expect(JSON.parse(existing.stdout).error.code).toBe('DISK_FULL');
    expect(await snapshot(folder)).toEqual(before);
  });

  it('read-only: says so and writes nothing', async ({ skip }) => {
    const disk = await mountTmpfs('8m');
    if (!disk) return skip();
    await mkdir(join(disk, 'there'));
    execFileSync('mount', ['-o', 'remount,ro', disk]);
    for (const folder of ['there', 'missing']) {
      const { code, stdout } = await invctl(['init', folder, '--json'], { cwd: disk });
      expect(code).toBe(1);
      expect(JSON.parse(stdout).error).toMatchObject({ code: 'READ_ONLY', hint: expect.any(String) });
      expect((await invctl(['init', folder, '--dry-run'], { cwd: disk })).code).toBe(0);
    }
    expect(await readdir(disk)).toEqual(['there']);
    expect(await readdir(join(disk, 'there'))).toEqual([]);
  });
});
