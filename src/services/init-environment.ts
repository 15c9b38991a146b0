import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { ExitCode, UserError, usageError } from '../errors.js';
import { withEnvironment } from '../project/edit-settings.js';
import { loadProject } from '../project/loaded-project.js';
import { locateProject } from '../project/locate.js';
import { readEnvStatements } from '../project/project-environment.js';
import { ENVIRONMENT_NAME, readSettings } from '../project/settings-file.js';
import { SETTINGS_FILE } from '../project/settings-path.js';
import { mapAt } from '../project/tree.js';
import { withProjectLock } from '../system/lock.js';
import { findFreePort } from '../system/ports.js';
import { STATE_FOLDER } from '../system/state-folder.js';
import { OVERLAY, withAdditions } from '../template/additions.js';
import { type ComparedFile, compareFile, containedPath, readIfPresent } from '../template/compare.js';
import { apiImage, environmentFiles, renderEnvironment } from '../template/environment.js';
import { LOCK_PATH } from '../template/lock.js';
import { loadTemplate } from '../template/manifest.js';
import type { ScaffoldOptions } from '../template/options.js';
import { writeFiles } from '../template/write.js';
import type { ServiceContext } from './context.js';
import { type InitFile, initFile } from './init.js';
import { type OwnedScaffoldFile, recordAdditions, recorded } from './init-additions.js';

export interface InitEnvironmentInput {
  /** Absolute folder of a scaffold. */
  directory: string;
  /** The options of the scaffold. */
  options: ScaffoldOptions;
  name: string;
  dryRun: boolean;
  force: boolean;
  diff: boolean;
}

export interface InitEnvironmentResult {
  name: string;
  /** Port of the API on this machine. */
  port: number;
  /** Name of the API's image in this environment, unless its settings name another. */
  image: string;
  files: InitFile[];
  /** Where replaced files were copied to. */
  copies?: string;
}

/**
 * Adds an environment to a scaffold: its compose overlay, its settings, its own secrets, and its entry in
 * `invctl.yaml`. All or nothing, as `init`; existing files stay.
 *
 * @throws UserError USAGE for an invalid name (exit 2), ENVIRONMENT_NOT_OURS, CONFIG_INVALID (exit 4), and
 * those of {@link initProject}
 */
export async function initEnvironment(
  context: ServiceContext,
  input: InitEnvironmentInput,
): Promise<InitEnvironmentResult> {
  const { directory, name, dryRun } = input;
  if (!ENVIRONMENT_NAME.test(name)) {
    throw usageError(
      `--environment "${name}" is not accepted: lower-case letters, digits, - and _, a letter or digit first`,
      '--environment production',
    );
  }
  if (!dryRun) assertScaffold(directory, context.env);
  if (dryRun) return { name, ...reported(input, await plan(input)) };
  return withProjectLock(
    { stateFolder: join(directory, STATE_FOLDER) },
    { command: 'invctl init', signal: context.signal },
    async () => {
      const planned = await plan(input);
      const root = await realpath(directory);
      const copies = join(root, STATE_FOLDER, 'replaced', new Date().toISOString().replaceAll(':', '-'));
      await writeFiles(
        planned.files.flatMap(({ write }) => write ?? []),
        {
          root,
          copiesFolder: copies,
          asideFolder: join(root, STATE_FOLDER, 'aside'),
          folderModes: new Map(
            ['secrets', environmentFiles(name).secretsFolder].map((folder) => [join(root, folder), 0o700]),
          ),
          signal: context.signal,
        },
      );
      const replaced = planned.files.some(({ status }) => status === 'replaced');
      return { name, ...reported(input, planned), ...(replaced ? { copies } : {}) };
    },
  );
}

interface Plan {
  port: number;
  image: string;
  files: ComparedFile[];
}

async function plan({ directory, options, name, force }: InitEnvironmentInput): Promise<Plan> {
  // Read first, so that an error in it stops the command before anything is written.
  const { environments } = await readSettings({ directory });
  const port = await portOf(directory, options, name, Object.keys(environments));
  const template = await loadTemplate();
  const files: ComparedFile[] = [];
  const known = (await isPresent(directory)) ? await recorded(directory) : undefined;
  const accepted: OwnedScaffoldFile[] = [];
  for (const file of await renderEnvironment(template, options, { name, port })) {
    const compared = await compareFile(directory, file, known?.lock, force);
    files.push(compared);
    if (file.policy === 'owned' && compared.status !== 'differs') accepted.push(file);
  }
  const { domain, monitoring } = known?.lock.additions ?? {};
  const isOverlaid = domain !== undefined || monitoring === true;
  files.push(await comparedSettings(directory, name, isOverlaid ? [OVERLAY] : []));
  if (known) {
    const additions = withAdditions(known.lock.additions ?? {}, { environments: { [name]: { port } } });
    files.push(...(await recordAdditions(await realpath(directory), template, known, additions, accepted)));
  }
  return { port, image: await apiImage(template, options), files };
}

function reported(
  { diff }: InitEnvironmentInput,
  { port, image, files }: Plan,
): Omit<InitEnvironmentResult, 'name'> {
  return { port, image, files: files.map((file) => initFile(file, diff)) };
}

async function comparedSettings(
  directory: string,
  name: string,
  overlays: readonly string[],
): Promise<ComparedFile> {
  const current = (await readIfPresent(join(directory, SETTINGS_FILE)))?.toString('utf8');
  const paths = environmentFiles(name);
  const content = withEnvironment(current ?? '', name, {
    files: ['compose.yaml', paths.compose, ...overlays],
    envFile: paths.env,
    ...(name.startsWith('prod') ? { protected: true } : {}),
  });
  if (content === current) return { path: SETTINGS_FILE, status: 'unchanged' };
  return {
    path: SETTINGS_FILE,
    status: current === undefined ? 'created' : 'updated',
    ...(current === undefined ? {} : { added: [`environments.${name}`] }),
    write: {
      path: await containedPath(directory, SETTINGS_FILE),
      content: Buffer.from(content),
      mode: 0o644,
      existing: current === undefined ? 'none' : 'discard',
    },
  };
}

/** Whether the scaffold is complete: its lock is written last. */
async function isPresent(directory: string): Promise<boolean> {
  return (await readIfPresent(join(directory, LOCK_PATH))) !== undefined;
}

/** The port in its settings; else the first free one that no other environment here has. */
async function portOf(
  directory: string,
  { port }: ScaffoldOptions,
  name: string,
  others: readonly string[],
): Promise<number> {
  const written = (of: string) => {
    const { env, example } = environmentFiles(of);
    for (const file of [example, env]) {
      const found = portIn(join(directory, file));
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const own = written(name);
  if (own !== undefined) return own;
  const taken = new Set([port, ...others.map(written)]);
  for (let above = port; ; ) {
    above = await findFreePort('127.0.0.1', above);
    if (!taken.has(above)) return above;
  }
}

function portIn(file: string): number | undefined {
  try {
    const text = readEnvStatements(file).findLast(({ name }) => name === 'API_PORT')?.text;
    return text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : undefined;
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** An overlay works only with the compose file that it was written for. */
function assertScaffold(directory: string, env: NodeJS.ProcessEnv): void {
  const location = locateProject(directory, env);
  const { tree } = loadProject(location, env);
  const missing = ['db', 'api'].filter((service) => !mapAt(tree, 'services', service));
  if (missing.length === 0) return;
  throw new UserError({
    code: 'ENVIRONMENT_NOT_OURS',
    message: `${location.files[0]} has no service ${missing.join(' and no ')}: what an environment of the template says would fit nothing in it`,
    hint: `write compose.NAME.yaml yourself, and declare it in ${SETTINGS_FILE}: docs/environments.md`,
    exitCode: ExitCode.projectInvalid,
    file: location.files[0] as string,
  });
}
