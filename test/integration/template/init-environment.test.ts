import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type CliOptions, invctl } from '../../support/cli.js';
import { snapshot, temporaryFolder } from '../../support/folder.js';
import { schemaErrors } from '../../support/schema.js';

let root: string;
let shop: string;
beforeEach(async () => {
  root = await temporaryFolder();
  shop = join(root, 'shop');
});

const run = (args: readonly string[], options: Partial<CliOptions> = {}) =>
  invctl(args, { cwd: root, ...options });

async function json(args: readonly string[], options: Partial<CliOptions> = {}) {
  const { code, stdout } = await run(['--json', ...args], options);
  const document = JSON.parse(stdout);
  const schema = document.ok ? document.command.replace(' ', '-') : 'error';
  expect(schemaErrors(schema, document)).toEqual([]);
  return { code, document };
}

const read = (path: string) => readFile(join(shop, path), 'utf8');
const valueIn = async (path: string, name: string) =>
  new RegExp(`^${name}=(.*)$`, 'm').exec(await read(path))?.[1];

describe('init --environment', () => {
  it('writes a scaffold and an environment into an empty folder, and doctor --production finds nothing that the project decides', async () => {
    const { code, document } = await json(['init', 'shop', '--environment', 'production']);
    expect(code).toBe(0);
    const { name, port } = document.data.environment;
    expect(name).toBe('production');
    expect(document.data.next).toEqual([
      'cd shop && docker build --tag shop-api:0.1.0 stack',
      'invctl --environment production up',
    ]);
    expect(parse(await read('invctl.yaml'))).toEqual({
      environments: {
        production: {
          files: ['compose.yaml', 'compose.production.yaml'],
          envFile: 'stack/.env.production',
          protected: true,
        },
      },
    });
    expect(await valueIn('stack/.env.production', 'API_PORT')).toBe(`${port}`);
    expect(await valueIn('stack/.env.production', 'ENVIRONMENT')).toBe('production');
    expect((await stat(join(shop, 'secrets/production'))).mode & 0o777).toBe(0o700);
    // Nothing secret is the development's.
    for (const secret of ['db_password', 'admin_password']) {
      expect(await read(`secrets/production/${secret}.txt`)).not.toBe(await read(`secrets/${secret}.txt`));
    }
    const key = await valueIn('stack/.env.production', 'JWT_SECRET_KEY');
    expect(key).toMatch(/^\S{43,}$/);
    expect(key).not.toBe(await valueIn('stack/.env', 'JWT_SECRET_KEY'));
    expect(await read('stack/.env.production.example')).not.toContain(key);

    const examined = await json(['-C', 'shop', '--environment', 'production', 'doctor', '--production']);
    const found = examined.document.data.checks.filter(({ outcome }: { outcome: string }) =>
      ['fail', 'warn', 'crashed'].includes(outcome),
    );
    // A first backup is the person's to take.
    expect(found.map(({ id }: { id: string }) => id)).toEqual(['prod.backups']);
    expect(found[0].findings[0].next).toBe('invctl --environment production db backup');
  });

  it('adds one to a scaffold, another with a port of its own, and changes nothing the next time', async () => {
    await run(['init', 'shop', '--port', '18300']);
    await writeFile(join(shop, 'invctl.yaml'), '# mine\nbackup: {maxAgeHours: 5}\n');
    const before = await snapshot(shop);
    const { document } = await json(['init', 'shop', '--environment', 'staging']);
    const after = await snapshot(shop);
    for (const [path, content] of Object.entries(before)) {
      if (path !== 'invctl.yaml' && !path.startsWith('.invctl/')) {
        expect([path, after[path]]).toEqual([path, content]);
      }
    }
    expect(await read('invctl.yaml')).toMatch(
      /^# mine\nbackup: \{maxAgeHours: 5\}\nenvironments:\n {2}staging:/,
    );
    // `upgrade` merges what the template owns of it.
    const { additions, files } = JSON.parse(await read('.invctl/lock.json'));
    expect(additions.environments.staging.port).toBe(document.data.environment.port);
    expect(files).toHaveProperty(['compose.staging.yaml']);
    const second = await json(['init', 'shop', '--environment', 'blue']);
    const ports = [18300, document.data.environment.port, second.document.data.environment.port];
    expect(new Set(ports).size).toBe(3);

    const whole = await snapshot(shop);
    const again = await run(['init', 'shop', '--environment', 'staging']);
    expect(again.stdout).toContain('Nothing was changed.');
    expect(await snapshot(shop)).toEqual(whole);
    expect(parse(await read('invctl.yaml')).environments.staging.protected).toBeUndefined();
  });

  it('makes what a fresh clone lacks, and leaves what was edited', async () => {
    await run(['init', 'shop', '--environment', 'production']);
    await rm(join(shop, 'stack/.env.production'));
    await rm(join(shop, 'secrets/production'), { recursive: true });
    await writeFile(
      join(shop, 'compose.production.yaml'),
      `${await read('compose.production.yaml')}# mine\n`,
    );
    const missing = await run(['-C', 'shop', '--environment', 'production', 'ps']);
    expect(missing.code).toBe(4);
    expect(missing.stderr).toContain('next:  invctl init --environment production');
    const { document } = await json(['init', 'shop', '--environment', 'production']);
    const status = Object.fromEntries(
      document.data.files.map((file: { path: string; status: string }) => [file.path, file.status]),
    );
    expect(status).toMatchObject({
      'stack/.env.production': 'created',
      'secrets/production/db_password.txt': 'created',
      'compose.production.yaml': 'differs',
      'invctl.yaml': 'unchanged',
    });
    expect(await read('compose.production.yaml')).toMatch(/# mine\n$/);
  });

  it('writes nothing with --dry-run, nor by a bad name, nor over a project of another shape', async () => {
    await run(['init', 'shop']);
    const before = await snapshot(shop);
    expect((await run(['init', 'shop', '--environment', 'production', '--dry-run'])).stdout).toContain(
      'Dry run: nothing was written.',
    );
    for (const name of ['Prod', 'prod eu', '../x', '']) {
      expect((await run(['init', 'shop', '--environment', name])).code).toBe(2);
    }
    expect(await snapshot(shop)).toEqual(before);
    await writeFile(join(shop, 'compose.yaml'), 'services: {web: {image: debian}}\n');
    const refused = await json(['init', 'shop', '--environment', 'production']);
    expect(refused.code).toBe(4);
    expect(refused.document.error).toMatchObject({ code: 'ENVIRONMENT_NOT_OURS' });
  });

  it('leaves nothing half made where a file cannot be written', async () => {
    await run(['init', 'shop']);
    const before = await snapshot(shop);
    await mkdir(join(shop, 'compose.production.yaml'));
    const { code } = await run(['init', 'shop', '--environment', 'production']);
    expect(code).toBe(1);
    await rm(join(shop, 'compose.production.yaml'), { recursive: true });
    expect(await snapshot(shop)).toEqual(before);
  });
});
