import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { hasErrorCode, UserError } from '../errors.js';
import { kubernetesManifests, type Manifests } from '../export/k8s/manifests.js';
import type { DatabaseForm } from '../export/k8s/part.js';
import type { ExportSource } from '../export/source.js';
import { type StackFile, swarmStackFile } from '../export/swarm/stack-file.js';
import { assertImageNames } from '../project/image-name.js';
import { loadProject } from '../project/loaded-project.js';
import { modelProject } from '../project/read.js';
import { secretValues } from '../project/secret-values.js';
import { appService, postgresServices } from '../project/service-roles.js';
import { readSettings } from '../project/settings-file.js';
import { explainFileError, explainReadError, writeFileAtomic } from '../system/files.js';
import type { ServiceContext } from './context.js';

export const STDOUT = '-';
const DEFAULT_STACK_FILE = 'stack.swarm.yaml';
const DEFAULT_FOLDER = 'k8s';

export interface SwarmExport extends Omit<StackFile, 'text' | 'files' | 'definitions'> {
  project: string;
  /** Absolute, or `-`. */
  file: string;
  /** Absolute paths of all written files. */
  written: string[];
  /** With `-`. */
  text?: string;
}

/**
 * Writes the file that `docker stack deploy` takes for this project.
 *
 * @param output path relative to the working directory, or `-`; default: `stack.swarm.yaml` in the project
 * @throws UserError EXPORT_FILE_TAKEN for a file that somebody else wrote; exit code 4 for a project that
 * Compose refuses
 */
export async function exportSwarm(context: ServiceContext, output?: string): Promise<SwarmExport> {
  const source = await exportSource(context);
  const { directory } = context.project();
  const file =
    output === STDOUT
      ? STDOUT
      : output === undefined
        ? join(directory, DEFAULT_STACK_FILE)
        : resolve(context.directory, output);
  const name = file === STDOUT ? DEFAULT_STACK_FILE : basename(file);
  const configsFolder = `${basename(name, extname(name))}.configs`;
  const { text, files, definitions: _, ...stack } = swarmStackFile(source, { configsFolder });
  const result = { project: source.project.name, file, ...stack };
  if (file === STDOUT) {
    if (files.length > 0) {
      const named = files.map(({ path }) => `./${path}`).join(', ');
      context.warn(
        `the stack file refers to ${named}, written beside it alone: invctl export swarm -o ${DEFAULT_STACK_FILE}`,
      );
    }
    return { ...result, written: [], text };
  }
  await refuseForeign(file);
  const written = [{ path: file, content: text }];
  for (const { path, content } of files) written.push({ path: join(dirname(file), path), content });
  for (const { path, content } of written) await write(path, content);
  return { ...result, written: written.map(({ path }) => path) };
}

export interface K8sExport extends Omit<Manifests, 'base' | 'overlay'> {
  project: string;
  /** Absolute folder. */
  folder: string;
  /** Absolute paths of all written files. */
  written: string[];
  /** Existing files of the person's own, which are kept. */
  kept: string[];
  /** Removed files of an earlier export for which there are no objects any more. */
  removed: string[];
}

export interface K8sInput {
  /** Folder, relative to the working directory; default: `k8s` in the project. */
  output?: string | undefined;
  database: DatabaseForm;
  /** Host name of the app. */
  ingress?: string | undefined;
}

/**
 * Writes the project as a Kustomize base and an overlay. The base is rewritten each time, the overlay written
 * once.
 *
 * @throws UserError EXPORT_FILE_TAKEN for a base that somebody else wrote; APP_UNDECIDED when the host could
 * lead to more than one service; exit code 4 for a project that Compose refuses
 */
export async function exportK8s(context: ServiceContext, input: K8sInput): Promise<K8sExport> {
  const source = await exportSource(context);
  const location = context.project();
  const folder =
    input.output === undefined
      ? join(location.directory, DEFAULT_FOLDER)
      : resolve(context.directory, input.output);
  const { services } = await readSettings(location);
  const { base, overlay, ...rest } = kubernetesManifests(source, {
    database: input.database,
    ...(input.ingress === undefined
      ? {}
      : { ingress: input.ingress, app: appService(source.project, services).name }),
  });
  for (const path of base.keys()) await refuseForeign(join(folder, path));
  const removed = await removeStale(
    join(folder, 'base'),
    new Set([...base.keys()].map((path) => basename(path))),
  );
  for (const [path, content] of base) await write(join(folder, path), content);
  const own = [...overlay].map(([path, content]) => ({ path: join(folder, path), content }));
  const kept = own.filter(({ path }) => existsSync(path)).map(({ path }) => path);
  for (const { path, content } of own) if (!kept.includes(path)) await write(path, content);
  const written = [...[...base.keys()].map((path) => join(folder, path)), ...own.map(({ path }) => path)];
  return {
    project: source.project.name,
    folder,
    written: written.filter((path) => !kept.includes(path)),
    kept,
    removed,
    ...rest,
  };
}

/** Removes files that an earlier export wrote for services that no longer exist. */
async function removeStale(folder: string, current: ReadonlySet<string>): Promise<string[]> {
  const names = existsSync(folder) ? await readdir(folder) : [];
  const removed: string[] = [];
  for (const name of names.filter((one) => one.endsWith('.yaml') && !current.has(one))) {
    const path = join(folder, name);
    if (!isOurs(await readFile(path, 'utf8'))) continue;
    await rm(path);
    removed.push(path);
  }
  return removed;
}

/**
 * The project as Compose reads it on this machine, with its env files.
 * @throws UserError IMAGE_NAME_REFUSED; exit code 4 for a project that Compose refuses
 */
export async function exportSource(context: ServiceContext): Promise<ExportSource> {
  const location = context.project();
  const loaded = loadProject(location, context.env);
  const { project, warnings } = modelProject(loaded, location);
  for (const warning of warnings) context.warn(warning);
  assertImageNames(project, Object.values(project.services));
  const { services } = await readSettings(location);
  const found = postgresServices(project).map(({ name }) => name);
  const database = services.database ?? (found.length === 1 ? found[0] : undefined);
  const secrets = secretValues(project, loaded.environment.entries());
  return { loaded, project, secrets, ...(database === undefined ? {} : { database }) };
}

async function write(path: string, content: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomic(path, content);
  } catch (error) {
    throw explainFileError(error, path);
  }
}

/** Refuses to overwrite a file whose first line does not say that an export wrote it. */
async function refuseForeign(file: string): Promise<void> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return;
    throw explainReadError(error, file);
  }
  if (text === '' || isOurs(text)) return;
  const shown = relative(process.cwd(), file);
  throw new UserError({
    code: 'EXPORT_FILE_TAKEN',
    message: `${shown} is there, and \`invctl export\` did not write it`,
    hint: 'give another place: invctl export --help',
  });
}

function isOurs(text: string): boolean {
  return text.startsWith('# Written by `invctl export');
}
