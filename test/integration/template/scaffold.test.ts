import { execFileSync } from 'node:child_process';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadTemplate } from '../../../src/template/manifest.js';
import type { ScaffoldOptions } from '../../../src/template/options.js';
import { renderScaffold, type ScaffoldFile } from '../../../src/template/scaffold.js';
import { repository } from '../../support/cli.js';
import { temporaryFolder } from '../../support/folder.js';

const options: ScaffoldOptions = {
  name: 'shop',
  port: 5080,
  postgres: 17,
  node: 22,
  dbName: 'stock',
  dbUser: 'keeper',
};

const STACK = {
  Dockerfile: 'FROM node:24-slim AS build\nFROM node:24-slim\n',
  '.env.example': 'DATABASE_NAME=inventory_manager\nDATABASE_USER=postgres\nJWT_SECRET_KEY=x\n',
  'src/main.ts': 'const $ = "{{name}}";\n',
};

/** A package with our template and a small `stack/`. */
async function packageWith(files: Record<string, string>): Promise<string> {
  const folder = await temporaryFolder();
  await cp(join(repository, 'templates'), join(folder, 'templates'), { recursive: true });
  for (const [path, content] of Object.entries({ 'package.json': '{"version":"9.8.7"}', ...files })) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

function inStack(files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [`stack/${path}`, text]));
}

function text(files: readonly ScaffoldFile[], path: string): string {
  const file = files.find((one) => one.path === path);
  if (file?.policy === 'secret' || file === undefined) throw new Error(`${path} has no text`);
  return file.content.toString();
}

describe('renderScaffold', () => {
  it('gives the source folder whole, without what belongs to the machine that it lies on', async () => {
    const template = await loadTemplate(
      await packageWith(
        inStack({
          ...STACK,
          '.env': 'JWT_SECRET_KEY=a-developers-own\n',
          '.env.local': 'x\n',
          'dist/main.js': 'x\n',
          'node_modules/a/index.js': 'x\n',
          'test/node_modules/b.js': 'x\n',
          'coverage/index.html': 'x\n',
          'npm-debug.log': 'x\n',
          'test/items.test.ts': 'x\n',
        }),
      ),
    );
    const files = await renderScaffold(template, options);
    expect(files.map(({ path }) => path)).toEqual([
      'stack/.env.example',
      'stack/Dockerfile',
      'stack/src/main.ts',
      'stack/test/items.test.ts',
      '.gitignore',
      'README.md',
      'stack/.env',
      'secrets/db_password.txt',
      'secrets/admin_password.txt',
      'compose.yaml',
    ]);
    expect(template.version).toBe('9.8.7');
  });

  it('leaves out a node_modules that is a link, and takes along a folder of sources that is one', async () => {
    const folder = await packageWith({ ...inStack(STACK), 'elsewhere/a.ts': 'x\n' });
    for (const link of ['node_modules', 'src/linked']) {
      await symlink(join(folder, 'elsewhere'), join(folder, 'stack', link));
    }
    const files = await renderScaffold(await loadTemplate(folder), options);
    const paths = files.map(({ path }) => path);
    expect(paths).toContain('stack/src/linked/a.ts');
    expect(paths.filter((path) => path.includes('node_modules'))).toEqual([]);
  });

  it('puts the options into the Dockerfile and the env example, and leaves other sources as they are', async () => {
    const files = await renderScaffold(await loadTemplate(await packageWith(inStack(STACK))), options);
    expect(text(files, 'stack/Dockerfile')).toBe('FROM node:22-slim AS build\nFROM node:22-slim\n');
    expect(text(files, 'stack/.env.example')).toContain('DATABASE_NAME=stock\nDATABASE_USER=keeper\n');
    expect(text(files, 'stack/src/main.ts')).toBe(STACK['src/main.ts']);
  });

  it('fails when the text that an option replaces is gone', async () => {
    const template = await loadTemplate(
      await packageWith(inStack({ ...STACK, Dockerfile: 'FROM node:26-slim\n' })),
    );
    await expect(renderScaffold(template, options)).rejects.toThrow('node:24-slim');
  });

  it('fails when the example of an env file is gone', async () => {
    const folder = await packageWith(inStack(STACK));
    const template = await loadTemplate(folder);
    template.manifest.trees = [];
    await expect(renderScaffold(template, options)).rejects.toThrow('stack/.env.example');
  });

  it.each(['../outside', '/etc/passwd', 'a/../../b', 'a/./b'])(
    'refuses a manifest that writes to %s',
    async (path) => {
      const folder = await packageWith(inStack(STACK));
      await writeFile(
        join(folder, 'templates/compose-stack/template.yaml'),
        JSON.stringify({
          name: 'x',
          folders: [],
          trees: [],
          files: [{ path, policy: 'secret', mode: 0o444 }],
        }),
      );
      await expect(loadTemplate(folder)).rejects.toThrow('path');
    },
  );
});

describe('the template of this package', () => {
  it.each([
    [15, 'pgdata:/var/lib/postgresql/data'],
    [16, 'pgdata:/var/lib/postgresql/data'],
    [17, 'pgdata:/var/lib/postgresql/data'],
    [18, 'pgdata:/var/lib/postgresql'],
  ] as const)('gives PostgreSQL %i its image and its mount point', async (postgres, volume) => {
    const files = await renderScaffold(await loadTemplate(), { ...options, postgres });
    expect(parse(text(files, 'compose.yaml')).services.db).toMatchObject({
      image: `postgres:${postgres}`,
      volumes: [volume],
    });
  });

  it.each(['null', 'true', 'on', '1e3', '0x1f', '012', '2026-01-01'])(
    'keeps the name %s a text, whatever YAML would read it as',
    async (name) => {
      const compose = parse(
        text(await renderScaffold(await loadTemplate(), { ...options, name }), 'compose.yaml'),
      );
      expect(compose.name).toBe(name);
      expect(compose.services.api.image).toBe(`${name}-api`);
    },
  );

  it('names the database in one way for the server, its health check and the API', async () => {
    const { services } = parse(text(await renderScaffold(await loadTemplate(), options), 'compose.yaml'));
    expect(services.db.environment).toMatchObject({ POSTGRES_DB: 'stock', POSTGRES_USER: 'keeper' });
    expect(services.api.environment).toMatchObject({ DATABASE_NAME: 'stock', DATABASE_USER: 'keeper' });
    expect(services.db.healthcheck.test.slice(-4)).toEqual(['-U', 'keeper', '-d', 'stock']);
  });

  it('leaves no placeholder behind', async () => {
    const files = await renderScaffold(await loadTemplate(), options);
    for (const path of [
      'compose.yaml',
      'README.md',
      '.gitignore',
      'stack/Dockerfile',
      'stack/.env.example',
    ]) {
      expect(text(files, path), path).not.toMatch(/\{\{/);
    }
  });

  it('scaffolds the same source from a package as from the repository', async () => {
    const packed = JSON.parse(
      execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
        cwd: repository,
        encoding: 'utf8',
      }),
    ) as { files: { path: string }[] }[];
    const inPackage =
      packed[0]?.files.map(({ path }) => path).filter((path) => path.startsWith('stack/')) ?? [];
    const scaffolded = (await renderScaffold(await loadTemplate(), options))
      .filter(({ path, policy }) => path.startsWith('stack/') && policy === 'owned')
      .map(({ path }) => path);
    expect(inPackage.sort()).toEqual(scaffolded.sort());
    expect(scaffolded.length).toBeGreaterThan(10);
  });
});
