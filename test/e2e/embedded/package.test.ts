import { execFile } from 'node:child_process';
import { chmod, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { repository, scriptEnvironment } from '../../support/cli.js';
import { freePort } from '../../support/docker-project.js';
import { temporaryFolder } from '../../support/folder.js';
import { processesNaming } from '../../support/leaks.js';
import { expectPage } from '../../support/page.js';

const execute = promisify(execFile);

it('installs from its tarball in an empty folder, and brings a stack up there', async () => {
  const folder = await temporaryFolder();
  await chmod(folder, 0o755);
  const env = scriptEnvironment({ INVCTL_STATE_DIR: join(folder, 'state'), INVCTL_ENGINE: 'embedded' });
  const run = async (program: string, ...args: string[]) =>
    (await execute(program, args, { cwd: folder, env, maxBuffer: 64 * 1024 * 1024 })).stdout;

  // The suite has built dist/ already; a second build would pull it from under tests that run now.
  await run('npm', 'pack', repository, '--ignore-scripts', '--silent');
  const [tarball] = (await readdir(folder)).filter((name) => name.endsWith('.tgz'));
  await run('npm', 'init', '--yes');
  await run('npm', 'install', '--no-audit', '--no-fund', `./${tarball}`);
  expect((await run('npx', 'invctl', '--version')).trim()).toBe(
    JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')).version,
  );

  const port = await freePort();
  await run('npx', 'invctl', 'init', 'shop', '--port', String(port));
  onTestFinished(async () => {
    await run('npx', 'invctl', '-C', 'shop', 'down', '--volumes', '--no-backup', '--confirm', 'shop');
    expect(processesNaming(folder)).toEqual([]);
  });
  const { data } = JSON.parse(await run('npx', 'invctl', '-C', 'shop', '--json', 'up'));
  expect(data.engine).toBe('embedded');
  expect(data.services).toMatchObject([
    { name: 'api', health: 'healthy', url: `http://127.0.0.1:${port}` },
    { name: 'db', health: 'healthy' },
  ]);
  const password = await readFile(join(folder, 'shop/secrets/admin_password.txt'), 'utf8');
  const login = await fetch(`http://127.0.0.1:${port}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password }),
  });
  const { access_token: token } = (await login.json()) as { access_token: string };
  const items = await fetch(`http://127.0.0.1:${port}/api/v1/items?limit=200`, {
    headers: { authorization: `Bearer ${token}` },
  });
  expect(((await items.json()) as { data: unknown[] }).data).toHaveLength(200);

  await expectPage(`http://127.0.0.1:${port}/`);
  expect(await run('npx', 'invctl', '-C', 'shop', 'up')).toContain(
    `api: http://127.0.0.1:${port}\nlog in there as admin, with the password in shop/secrets/admin_password.txt`,
  );
});
