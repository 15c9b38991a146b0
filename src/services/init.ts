import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ExitCode, UserError } from '../errors.js';
import { fileDiff } from '../project/file-diff.js';
import { COMPOSE_FILE_NAMES } from '../project/locate.js';
import { settingsIn } from '../project/present-settings.js';
import { formatArgv } from '../system/argv.js';
import { withProjectLock } from '../system/lock.js';
import { redact } from '../system/secret.js';
import { STATE_FOLDER } from '../system/state-folder.js';
import { renderAdditions } from '../template/additions.js';
import { BASE_PATH, baseOf, formatBase, parseBase, type ScaffoldBase, sameBase } from '../template/base.js';
import {
  type ComparedFile,
  compareFile,
  containedPath,
  type FileStatus,
  readIfPresent,
} from '../template/compare.js';
import { createLock, formatLock, LOCK_PATH, parseLock, type ScaffoldLock } from '../template/lock.js';
import { loadTemplate, type Template } from '../template/manifest.js';
import { placed } from '../template/migration-numbers.js';
import type { ScaffoldOptions } from '../template/options.js';
import { renderScaffold, type ScaffoldFile } from '../template/scaffold.js';
import { createFolders, type FileWrite, revert, writeFiles } from '../template/write.js';
import type { ServiceContext } from './context.js';

/** How long a second `init` of the same folder waits for the first, in milliseconds. */
const LOCK_WAIT_MS = 10_000;
const COMPOSE_FILE = 'compose.yaml';

export interface InitInput {
  /** Absolute project folder; created if it is missing. */
  directory: string;
  options: ScaffoldOptions;
  /** Write nothing. */
  dryRun: boolean;
  /** Overwrite files that differ, keeping copies, and scaffold over a project that invctl did not make. */
  force: boolean;
  /** Also return the differences. */
  diff: boolean;
}

export interface InitFile {
  path: string;
  status: FileStatus;
  /** Keys or lines that were added to an updated file. */
  added?: string[];
  /** For a file that differs: true when it was edited, false when the template or the options changed. */
  edited?: boolean;
  /** Unified diff from the existing file to what the template renders, credentials redacted. */
  diff?: string;
}

export interface InitResult {
  directory: string;
  name: string;
  /** The folder was not a scaffold before, and is one now. */
  created: boolean;
  dryRun: boolean;
  /** The scaffold was made from another version of the template. */
  templateChanged: boolean;
  options: ScaffoldOptions;
  /** In the order in which they are written. */
  files: InitFile[];
  /** Where replaced files were copied to. */
  copies?: string;
}

/**
 * The options that a scaffold was made with; undefined when there is no scaffold.
 * @throws UserError LOCK_INVALID (exit 4)
 */
export async function readScaffoldOptions(directory: string): Promise<ScaffoldOptions | undefined> {
  return (await readLock(directory))?.options;
}

/**
 * Scaffolds a project, or reports how one differs from its template. All or nothing: when anything fails, the
 * folder is as it was before.
 *
 * @throws UserError FOREIGN_PROJECT, LOCK_INVALID (exit 4), READ_ONLY, DISK_FULL, NOT_A_FOLDER, NOT_A_FILE,
 * UNREADABLE, SYMLINK_OUTSIDE, PROJECT_LOCKED (exit 9)
 */
export async function initProject(context: ServiceContext, input: InitInput): Promise<InitResult> {
  const template = await loadTemplate();
  const planned = await plan(template, input);
  if (input.dryRun || planned.files.every(({ write }) => write === undefined)) {
    return report(context, input, planned);
  }

  const madeFolders: (() => Promise<unknown>)[] = [];
  try {
    await createFolders(input.directory, madeFolders);
    return await withProjectLock(
      { stateFolder: join(input.directory, STATE_FOLDER) },
      {
        command: 'invctl init',
        waitMs: LOCK_WAIT_MS,
        onWait: ({ pid }) => context.warn(`waiting for process ${pid}, which works in this folder`),
        signal: context.signal,
      },
      async () => {
        // Another init may have run since the first plan.
        const current = await plan(template, input);
        const root = await realpath(input.directory);
        const copies = join(root, '.invctl', 'replaced', new Date().toISOString().replaceAll(':', '-'));
        await writeFiles(
          current.files.flatMap(({ write }) => write ?? []),
          {
            root,
            copiesFolder: copies,
            asideFolder: join(root, '.invctl', 'aside'),
            folderModes: new Map(template.manifest.folders.map(({ path, mode }) => [join(root, path), mode])),
            signal: context.signal,
          },
        );
        return {
          ...report(context, input, current),
          ...(current.files.some(({ status }) => status === 'replaced') ? { copies } : {}),
        };
      },
    );
  } catch (error) {
    await revert(madeFolders);
    throw withUsableHint(error, input.directory);
  }
}

/** Names an existing folder in the hint: the folder that init could not fill may have been removed again. */
function withUsableHint(error: unknown, directory: string): unknown {
  if (!(error instanceof UserError) || error.code !== 'DISK_FULL') return error;
  let folder = directory;
  while (!existsSync(folder)) folder = dirname(folder);
  return new UserError({
    code: error.code,
    message: `${error.message}; what was written before is removed again`,
    hint: `${formatArgv(['df', '-h', folder])}      (make room, then run the same command again)`,
    cause: error,
  });
}

interface Plan {
  files: ComparedFile[];
  /** The record of an earlier init. */
  lock: ScaffoldLock | undefined;
  templateChanged: boolean;
}

async function plan(template: Template, { directory, options, force }: InitInput): Promise<Plan> {
  const lock = await readLock(directory);
  const kept = await readBase(directory);
  const provided = (await settingsIn({ directory }))?.secrets ?? {};
  // `up` writes a secret that has a provider; a random value here would become the database's.
  const scaffolded = [
    ...(await renderScaffold(template, options)),
    ...(await renderAdditions(template, options, lock?.additions ?? {})),
  ];
  const rendered = placed(scaffolded, lock?.renumbered ?? {}).filter(
    ({ policy, path }) => policy !== 'secret' || !(basename(path, '.txt') in provided),
  );
  const next = createLock(template, options, rendered, lock?.renumbered, lock?.additions);
  const templateChanged =
    lock !== undefined &&
    isDeepStrictEqual(lock.options, options) &&
    !isDeepStrictEqual(lock.files, next.files);
  const scaffold = templateChanged && !force ? await asMade(directory, rendered, lock, kept) : rendered;
  const files: ComparedFile[] = [];
  for (const file of scaffold) files.push(await compareFile(directory, file, lock, force));
  if (!lock && !force) refuseForeignProject(directory, files);
  const stays = lock && !force && (templateChanged || files.some(({ status }) => status === 'differs'));
  const base = stays && !isDeepStrictEqual(lock.files, next.files) ? kept : baseOf(rendered);
  if (base) {
    const isKept = kept !== undefined && sameBase(kept, base);
    files.push(await compareRecord(directory, BASE_PATH, isKept ? undefined : formatBase(base)));
  }
  files.push(await compareRecord(directory, LOCK_PATH, stays ? undefined : Buffer.from(formatLock(next))));
  return { files, lock, templateChanged };
}

/**
 * A missing file is restored as it was made. Newer changes of the template are for `upgrade`, which brings
 * all of them together.
 */
async function asMade(
  directory: string,
  rendered: readonly ScaffoldFile[],
  lock: ScaffoldLock,
  kept: ScaffoldBase | undefined,
): Promise<ScaffoldFile[]> {
  const files: ScaffoldFile[] = [];
  for (const file of rendered) {
    const isMissing = file.policy === 'owned' && !(await readIfPresent(join(directory, file.path)));
    if (!isMissing || file.policy !== 'owned') files.push(file);
    else if (lock.files[file.path] !== undefined) {
      files.push({ ...file, content: kept?.get(file.path)?.content ?? file.content });
    }
  }
  return files;
}

async function readBase(directory: string): Promise<ScaffoldBase | undefined> {
  const content = await readIfPresent(join(directory, BASE_PATH));
  return content && parseBase(content);
}

/**
 * Refuses a project that invctl did not make. A folder without a lock may still be a scaffold: a killed init
 * had written everything but the lock.
 */
function refuseForeignProject(directory: string, files: readonly ComparedFile[]): void {
  const found = COMPOSE_FILE_NAMES.map((name) => join(directory, name)).find((path) => existsSync(path));
  if (!found || files.find(({ path }) => path === COMPOSE_FILE)?.status === 'unchanged') return;
  throw new UserError({
    code: 'FOREIGN_PROJECT',
    message: `${directory} has a Compose project already, which invctl did not make: ${found}`,
    hint: 'it works as it is: invctl up, invctl doctor      (to scaffold over it, keeping copies: invctl init --force)',
    exitCode: ExitCode.projectInvalid,
    file: found,
  });
}

/**
 * Plans the write of the lock or the base when it differs from `content`. While a file differs from the
 * template, both keep what the earlier init rendered. The lock is written last, so that a folder with a lock
 * is complete.
 */
async function compareRecord(
  directory: string,
  path: string,
  content: Buffer | undefined,
): Promise<ComparedFile> {
  if (!content) return { path, status: 'unchanged' };
  const current = await readIfPresent(join(directory, path));
  if (current?.equals(content)) return { path, status: 'unchanged' };
  const write: FileWrite = {
    path: await containedPath(directory, path),
    content,
    mode: 0o644,
    existing: current ? 'discard' : 'none',
  };
  return { path, status: current ? 'updated' : 'created', write };
}

function report(
  context: ServiceContext,
  input: InitInput,
  { files, lock, templateChanged }: Plan,
): InitResult {
  for (const { path, status, problem } of files) {
    if (problem) context.warn(`${path} is left as it is: ${problem}`);
    if (lock && status === 'created' && path === 'secrets/db_password.txt') {
      context.warn(
        `${path} was missing${input.dryRun ? '' : ' and has a new password'}: a database that has data already keeps its old one. Put the old file back if you have it; otherwise \`invctl doctor --fix\` brings the two together`,
      );
    }
  }
  return {
    directory: input.directory,
    name: input.options.name,
    created: !input.dryRun && files.some(({ path, status }) => path === LOCK_PATH && status === 'created'),
    dryRun: input.dryRun,
    templateChanged,
    options: input.options,
    files: files.map((file) => initFile(file, input.diff)),
  };
}

/** @param diff also return the differences */
export function initFile({ path, status, added, edited, texts }: ComparedFile, diff: boolean): InitFile {
  return {
    path,
    status,
    ...(added ? { added } : {}),
    ...(edited === undefined ? {} : { edited }),
    ...(diff && texts ? { diff: diffOf(path, texts) } : {}),
  };
}

async function readLock(directory: string): Promise<ScaffoldLock | undefined> {
  const file = join(directory, LOCK_PATH);
  const text = await readIfPresent(file);
  return text && parseLock(text.toString('utf8'), file);
}

function diffOf(path: string, { here, template }: { here: string; template: string }): string {
  return fileDiff(path, { text: here, label: 'here' }, { text: template, label: 'template' }, redact);
}
