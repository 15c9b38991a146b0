import { chmod, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { abortUpgrade } from '../../../../src/services/upgrade/abort.js';
import { upgradeProject } from '../../../../src/services/upgrade/upgrade.js';
import { BASE_PATH } from '../../../../src/template/base.js';
import type { Template } from '../../../../src/template/manifest.js';
import { temporaryFolder } from '../../../support/folder.js';
import {
  contextIn,
  makeTemplate,
  put,
  scaffold,
  type TemplateFiles,
} from '../../../support/template-history.js';

let folder: string;
let root: string;
let warnings: string[];
beforeEach(async () => {
  folder = await temporaryFolder();
  root = join(folder, 'shop');
  warnings = [];
});

const text = (path: string) => readFile(join(root, path), 'utf8');
const template = (version: string, files: TemplateFiles) =>
  makeTemplate(join(folder, 'package'), version, files);
const upgrade = (to: Template) =>
  upgradeProject(contextIn(root, warnings), { to: undefined, diff: false, template: to });

describe('migrations', () => {
  const old = { 'migrations/0001_a.sql': 'a\n', 'migrations/0002_b.sql': 'b\n' };

  it('of the template go behind those of the person, keep that place in the next upgrade, and never change', async () => {
    await scaffold(root, await template('0.1.0', old));
    await put(join(root, 'stack/migrations/0003_mine.sql'), 'mine\n');
    const second = {
      ...old,
      'migrations/0002_b.sql': 'b, mended\n',
      'migrations/0003_c.sql': 'c\n',
      'migrations/0004_d.sql': 'd\n',
    };
    const result = await upgrade(await template('0.2.0', second));
    expect(result.migrations).toEqual(['stack/migrations/0004_c.sql', 'stack/migrations/0005_d.sql']);
    expect(result.files).toEqual([
      { path: 'stack/migrations/0002_b.sql', status: 'kept', reason: 'migration' },
      { path: 'stack/migrations/0004_c.sql', from: 'stack/migrations/0003_c.sql', status: 'created' },
      { path: 'stack/migrations/0005_d.sql', from: 'stack/migrations/0004_d.sql', status: 'created' },
    ]);
    expect(await text('stack/migrations/0002_b.sql')).toBe('b\n');
    expect(await text('stack/migrations/0003_mine.sql')).toBe('mine\n');

    const third = await upgrade(await template('0.3.0', { ...second, 'migrations/0005_e.sql': 'e\n' }));
    expect(third.files.map(({ path, status }) => [path, status])).toEqual([
      ['stack/migrations/0006_e.sql', 'created'],
    ]);
    expect(await text('stack/migrations/0004_c.sql')).toBe('c\n');
  });

  it('of the same name are two migrations', async () => {
    await scaffold(root, await template('0.1.0', old));
    await put(join(root, 'stack/migrations/0003_c.sql'), 'mine\n');
    await upgrade(await template('0.2.0', { ...old, 'migrations/0003_c.sql': 'c\n' }));
    expect(await text('stack/migrations/0003_c.sql')).toBe('mine\n');
    expect(await text('stack/migrations/0004_c.sql')).toBe('c\n');
  });

  it('that the person copied from the template already are not there twice', async () => {
    await scaffold(root, await template('0.1.0', old));
    await put(join(root, 'stack/migrations/0003_c.sql'), 'c\n');
    const result = await upgrade(await template('0.2.0', { ...old, 'migrations/0003_c.sql': 'c\n' }));
    expect(result.files).toEqual([]);
  });

  it('that go with an upgrade are named when it is taken back', async () => {
    await scaffold(root, await template('0.1.0', old));
    await upgrade(await template('0.2.0', { ...old, 'migrations/0003_c.sql': 'c\n' }));
    expect((await abortUpgrade(contextIn(root))).migrations).toEqual(['stack/migrations/0003_c.sql']);
  });
});

describe('settings and secrets', () => {
  const old = { '.env.example': '# the port\nPORT=5003\nOLD=1\nKEY=change-me\n' };

  it('.env gets the keys that are new in the template, and no others; secrets are not touched', async () => {
    await scaffold(root, await template('0.1.0', old));
    await writeFile(join(root, 'stack/.env'), 'PORT=6000\nKEY=secret\nMINE=1\n');
    await chmod(join(root, 'stack/.env'), 0o600);
    await chmod(join(root, 'secrets/db_password.txt'), 0o440);
    const result = await upgrade(
      await template('0.2.0', { '.env.example': `${old['.env.example']}# new\nNEW=2\n` }),
    );
    expect(await text('stack/.env')).toBe('PORT=6000\nKEY=secret\nMINE=1\n\n# new\nNEW=2\n');
    expect((await stat(join(root, 'stack/.env'))).mode & 0o777).toBe(0o600);
    expect(result.files).toContainEqual({ path: 'stack/.env', status: 'updated', added: ['NEW'] });
    expect(await text('secrets/db_password.txt')).toBe('the-password');
    expect((await stat(join(root, 'secrets/db_password.txt'))).mode & 0o777).toBe(0o440);
  });

  it('no value of .env is in the differences that are shown', async () => {
    await scaffold(root, await template('0.1.0', old));
    await put(join(root, 'stack/.env'), 'PORT=6000\nKEY=do-not-show-me\n');
    const next = await template('0.2.0', { '.env.example': `${old['.env.example']}NEW=2\n` });
    const shown = await upgradeProject(contextIn(root), { to: undefined, diff: true, template: next });
    expect(shown.files.map(({ path }) => path)).toContain('stack/.env');
    expect(JSON.stringify(shown)).not.toContain('do-not-show-me');
  });

  it('what is missing on this machine is left to init', async () => {
    await scaffold(root, await template('0.1.0', old));
    await rm(join(root, 'stack/.env'));
    await rm(join(root, 'secrets'), { recursive: true });
    await upgrade(await template('0.2.0', { '.env.example': `${old['.env.example']}NEW=2\n` }));
    await expect(stat(join(root, 'stack/.env'))).rejects.toThrow('ENOENT');
    await expect(stat(join(root, 'secrets'))).rejects.toThrow('ENOENT');
  });
});

describe('links', () => {
  const OLD = 'one\ntwo\nthree\nfour\n';

  it('inside of the project are written through, and stay', async () => {
    await scaffold(root, await template('0.1.0', { 'a.ts': OLD }));
    await rename(join(root, 'stack/a.ts'), join(root, 'stack/real.ts'));
    await symlink('real.ts', join(root, 'stack/a.ts'));
    await upgrade(await template('0.2.0', { 'a.ts': OLD.replace('one', 'ONE') }));
    expect(await text('stack/real.ts')).toBe(OLD.replace('one', 'ONE'));
    expect(await readFile(join(root, 'stack/a.ts'), 'utf8')).toBe(OLD.replace('one', 'ONE'));
  });

  it('out of the project are not written through, and the rest is upgraded', async () => {
    await scaffold(root, await template('0.1.0', { 'a.ts': OLD, 'b.ts': OLD, 'c.ts': OLD }));
    await writeFile(join(folder, 'outside.ts'), OLD);
    await rm(join(root, 'stack/a.ts'));
    await symlink(join(folder, 'outside.ts'), join(root, 'stack/a.ts'));
    await rm(join(root, 'stack/b.ts'));
    await symlink('nowhere', join(root, 'stack/b.ts'));
    const changed = OLD.replace('one', 'ONE');
    const result = await upgrade(
      await template('0.2.0', { 'a.ts': changed, 'b.ts': changed, 'c.ts': changed }),
    );
    expect(result.files.map(({ path, status, kind }) => [path, status, kind])).toEqual([
      ['stack/a.ts', 'conflict', 'not-a-file'],
      ['stack/b.ts', 'conflict', 'not-a-file'],
      ['stack/c.ts', 'updated', undefined],
    ]);
    expect(await readFile(join(folder, 'outside.ts'), 'utf8')).toBe(OLD);
    expect(await text('.invctl/upgrade/theirs/stack/a.ts')).toBe(changed);
  });

  it('a folder of the template that is one, out of the project, is not written into', async () => {
    await scaffold(root, await template('0.1.0', { 'a.ts': OLD }));
    await rename(join(root, 'stack'), join(folder, 'elsewhere'));
    await symlink(join(folder, 'elsewhere'), join(root, 'stack'));
    const result = await upgrade(
      await template('0.2.0', { 'a.ts': OLD.replace('one', 'ONE'), 'new.ts': 'new\n' }),
    );
    expect(result.conflicts).toBe(2);
    expect(await readFile(join(folder, 'elsewhere/a.ts'), 'utf8')).toBe(OLD);
  });
});

describe('a scaffold without its base', () => {
  const OLD = 'one\ntwo\nthree\nfour\n';

  it('takes what was not edited, keeps what the template did not change, and says where it compares two versions', async () => {
    await scaffold(root, await template('0.1.0', { 'a.ts': OLD, 'b.ts': OLD, 'c.ts': OLD }), false);
    await writeFile(join(root, 'stack/b.ts'), OLD.replace('four', 'mine'));
    await writeFile(join(root, 'stack/c.ts'), OLD.replace('four', 'mine'));
    const result = await upgrade(
      await template('0.2.0', {
        'a.ts': OLD.replace('one', 'ONE'),
        'b.ts': OLD,
        'c.ts': OLD.replace('one', 'ONE'),
      }),
    );
    expect(result.files).toEqual([
      { path: 'stack/a.ts', status: 'updated' },
      { path: 'stack/c.ts', status: 'conflict', kind: 'lines', lines: [1, 8], baseUnknown: true },
    ]);
    expect(await stat(join(root, BASE_PATH))).toBeDefined();
  });

  it('goes by the lock where a base of another branch came in', async () => {
    await scaffold(root, await template('0.1.0', { 'a.ts': OLD }));
    const foreign = join(folder, 'foreign');
    await scaffold(foreign, await template('0.1.0', { 'a.ts': 'quite\nanother\n' }));
    await writeFile(join(root, BASE_PATH), await readFile(join(foreign, BASE_PATH)));
    await writeFile(join(root, 'stack/a.ts'), 'mine\n');
    const result = await upgrade(await template('0.2.0', { 'a.ts': OLD.replace('one', 'ONE') }));
    expect(result.files).toMatchObject([{ status: 'conflict', baseUnknown: true }]);
  });

  it('with a damaged base is upgraded as one without', async () => {
    await scaffold(root, await template('0.1.0', { 'a.ts': OLD }));
    await writeFile(join(root, BASE_PATH), 'no gzip');
    const result = await upgrade(await template('0.2.0', { 'a.ts': OLD.replace('one', 'ONE') }));
    expect(result.files).toEqual([{ path: 'stack/a.ts', status: 'updated' }]);
  });
});

describe('taken back', () => {
  it('keeps copies of what was edited since', async () => {
    await scaffold(root, await template('0.1.0', { 'a.ts': 'old\n' }));
    await upgrade(await template('0.2.0', { 'a.ts': 'new\n', 'b.ts': 'b\n' }));
    await writeFile(join(root, 'stack/b.ts'), 'b, edited since\n');
    const result = await abortUpgrade(contextIn(root, warnings));
    expect(result.edited).toEqual(['stack/b.ts']);
    expect(await readFile(join(result.copies ?? '', 'stack/b.ts'), 'utf8')).toBe('b, edited since\n');
    await expect(stat(join(root, 'stack/b.ts'))).rejects.toThrow('ENOENT');
    expect(await text('stack/a.ts')).toBe('old\n');
    await expect(abortUpgrade(contextIn(root))).rejects.toMatchObject({ code: 'NO_UPGRADE' });
  });
});

it('what is noted of an upgrade lies with the project, whatever environment was chosen', async () => {
  await scaffold(root, await template('0.1.0', { 'a.ts': 'old\n' }));
  const context = contextIn(root);
  const stateFolder = join(root, '.invctl/environments/production');
  const inProduction = { ...context, project: () => ({ ...context.project(), stateFolder }) };
  const to = await template('0.2.0', { 'a.ts': 'new\n' });
  await upgradeProject(inProduction, { to: undefined, diff: false, template: to });
  expect(await text('stack/a.ts')).toBe('new\n');
  await expect(stat(stateFolder)).rejects.toThrow('ENOENT');
  await abortUpgrade(inProduction);
  expect(await text('stack/a.ts')).toBe('old\n');
  await expect(stat(stateFolder)).rejects.toThrow('ENOENT');
});

describe('refused', () => {
  it('a version that this invctl has not, and a project from a later one', async () => {
    const own = await template('0.9.0', { 'a.ts': 'old\n' });
    await scaffold(root, { ...own, version: '0.10.0' });
    await expect(upgrade(own)).rejects.toMatchObject({
      code: 'TEMPLATE_OLDER',
      hint: expect.stringContaining('npx invctl@0.10.0 upgrade'),
    });
    await expect(
      upgradeProject(contextIn(root), { to: '1.0.0', diff: true, template: own }),
    ).rejects.toMatchObject({
      exitCode: 2,
      hint: expect.stringContaining('npx invctl@1.0.0 upgrade'),
    });
  });

  it('a folder that is no scaffold', async () => {
    await expect(upgrade(await template('0.1.0', { 'a.ts': 'old\n' }))).rejects.toMatchObject({
      code: 'NOT_A_SCAFFOLD',
      exitCode: 4,
    });
  });
});
