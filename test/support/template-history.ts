import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import type { ServiceContext } from '../../src/services/context.js';
import { BASE_PATH, baseOf, formatBase } from '../../src/template/base.js';
import { createLock, formatLock, LOCK_PATH } from '../../src/template/lock.js';
import { loadTemplate, type Template } from '../../src/template/manifest.js';
import { renderScaffold } from '../../src/template/scaffold.js';

export type TemplateFiles = Record<string, string | Buffer>;

const OPTIONS = {
  name: 'shop',
  port: 5003,
  postgres: 16,
  node: 24,
  dbName: 'shop',
  dbUser: 'shop',
} as const;

/** A package with a template of one tree: `files` are the files of its folder `stack`. */
export async function makeTemplate(
  folder: string,
  version: string,
  files: TemplateFiles,
  renames: { from: string; to: string }[] = [],
): Promise<Template> {
  await rm(folder, { recursive: true, force: true });
  const isEnv = '.env.example' in files;
  const manifest = {
    name: 'compose-stack',
    folders: [{ path: 'secrets', mode: 0o700 }],
    files: [
      { path: '.gitignore', policy: 'append', source: 'files/dot-gitignore' },
      ...(isEnv
        ? [
            {
              path: 'stack/.env',
              policy: 'env',
              example: 'stack/.env.example',
              generate: ['KEY'],
              mode: 0o600,
            },
          ]
        : []),
      { path: 'secrets/db_password.txt', policy: 'secret', mode: 0o444 },
    ],
    trees: [{ source: 'stack', path: 'stack', ignore: [], migrations: ['migrations'], replace: [] }],
    renames,
  };
  await put(join(folder, 'templates/compose-stack/template.yaml'), stringify(manifest));
  await put(join(folder, 'templates/compose-stack/files/dot-gitignore'), 'secrets/\n');
  await put(join(folder, 'package.json'), JSON.stringify({ version }));
  await mkdir(join(folder, 'stack'), { recursive: true });
  for (const [path, content] of Object.entries(files)) await put(join(folder, 'stack', path), content);
  return loadTemplate(folder);
}

/** What `init` writes, without its questions. */
export async function scaffold(root: string, template: Template, keepBase = true): Promise<void> {
  const files = await renderScaffold(template, OPTIONS);
  for (const file of files) {
    await put(join(root, file.path), file.policy === 'secret' ? 'the-password' : file.content);
  }
  if (keepBase) await put(join(root, BASE_PATH), formatBase(baseOf(files)));
  await put(join(root, LOCK_PATH), formatLock(createLock(template, OPTIONS, files)));
}

/** The world of a service that starts no program: there is no git. */
export function contextIn(directory: string, warnings: string[] = []): ServiceContext {
  const absent = () => {
    throw new Error('no program is started here');
  };
  return {
    directory,
    env: {},
    processes: { run: absent, lines: absent, passThrough: absent, detach: absent } as never,
    signal: new AbortController().signal,
    warn: (message) => warnings.push(message),
    project: () => ({
      name: 'shop',
      directory,
      files: [],
      explicitFiles: false,
      envFiles: [],
      stateFolder: join(directory, '.invctl'),
    }),
    engine: absent,
  };
}

export async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

/** Every file below a folder but those of invctl's own, by relative path. */
export async function filesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .filter((path) => !path.startsWith('.invctl/'))
    .sort();
}
