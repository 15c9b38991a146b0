import { mkdir, readFile } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { hasErrorCode, UserError } from '../errors.js';
import type { ExportSource } from '../export/source.js';
import { type StackFile, swarmStackFile } from '../export/swarm/stack-file.js';
import { loadProject } from '../project/loaded-project.js';
import { modelProject } from '../project/read.js';
import { postgresServices } from '../project/service-roles.js';
import { readSettings } from '../project/settings-file.js';
import { explainFileError, explainReadError, writeFileAtomic } from '../system/files.js';
import type { ServiceContext } from './context.js';

export const STDOUT = '-';
const DEFAULT_STACK_FILE = 'stack.swarm.yaml';

export interface SwarmExport extends Omit<StackFile, 'text' | 'files'> {
  project: string;
  /** Absolute, or `-`. */
  file: string;
  /** Absolute paths of all that was written. */
  written: string[];
  /** With `-`. */
  text?: string;
}

/**
 * Writes the file that `docker stack deploy` takes for this project.
 *
 * @param output path relative to where the person is, or `-`; `stack.swarm.yaml` of the project by default
 * @throws UserError EXPORT_FILE_TAKEN for a file that somebody else wrote; exit code 4 for a project that Compose refuses
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
  const configs = `${basename(name, extname(name))}.configs`;
  const { text, files, ...stack } = swarmStackFile(source, configs);
  const result = { project: source.project.name, file, ...stack };
  if (file === STDOUT) return { ...result, written: [], text };
  await refuseForeign(file);
  const written = [{ path: file, content: text }];
  for (const { path, content } of files) written.push({ path: join(dirname(file), path), content });
  for (const { path, content } of written) await write(path, content);
  return { ...result, written: written.map(({ path }) => path) };
}

/** The project as Compose reads it on this machine, its env files applied. */
async function exportSource(context: ServiceContext): Promise<ExportSource> {
  const location = context.project();
  const loaded = loadProject(location, context.env);
  const { project, warnings } = modelProject(loaded, location);
  for (const warning of warnings) context.warn(warning);
  const { services } = await readSettings(location.directory);
  const found = postgresServices(project).map(({ name }) => name);
  const database = services.database ?? (found.length === 1 ? found[0] : undefined);
  return { loaded, project, ...(database === undefined ? {} : { database }) };
}

async function write(path: string, content: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomic(path, content);
  } catch (error) {
    throw explainFileError(error, path);
  }
}

/** What an export writes says so in its first line. */
async function refuseForeign(file: string): Promise<void> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return;
    throw explainReadError(error, file);
  }
  if (text === '' || text.startsWith('# Written by `invctl export')) return;
  const shown = relative(process.cwd(), file);
  throw new UserError({
    code: 'EXPORT_FILE_TAKEN',
    message: `${shown} is there, and \`invctl export\` did not write it`,
    hint: 'give another name: invctl export swarm -o FILE',
  });
}
