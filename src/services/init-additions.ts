import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ExitCode, UserError } from '../errors.js';
import { loadProject } from '../project/loaded-project.js';
import { locateProject, OVERRIDE_FILE_NAMES } from '../project/locate.js';
import { readSettings } from '../project/settings-file.js';
import { mapAt, type TreeMap } from '../project/tree.js';
import { withProjectLock } from '../system/lock.js';
import { STATE_FOLDER } from '../system/state-folder.js';
import { OVERLAY, renderAdditions, type ScaffoldAdditions, withAdditions } from '../template/additions.js';
import { BASE_PATH, baseOf, formatBase, parseBase, type ScaffoldBase } from '../template/base.js';
import { type ComparedFile, containedPath, readIfPresent } from '../template/compare.js';
import { fileHere } from '../template/file-here.js';
import { createLock, formatLock, LOCK_PATH, parseLock, type ScaffoldLock, sha256 } from '../template/lock.js';
import { loadTemplate, type Template } from '../template/manifest.js';
import type { ScaffoldOptions } from '../template/options.js';
import type { ScaffoldFile } from '../template/scaffold.js';
import { sameText } from '../template/three-way.js';
import { decide } from '../template/upgrade-file.js';
import { type FileWrite, writeFiles } from '../template/write.js';
import type { ServiceContext } from './context.js';
import { type InitFile, initFile } from './init.js';

/** How long a second `init` of the same folder waits for the first, in milliseconds. */
const LOCK_WAIT_MS = 10_000;

export interface InitAdditionsInput {
  /** Absolute folder of a scaffold; with `dryRun`, also of one that is not written yet. */
  directory: string;
  /** The options of the scaffold. */
  options: ScaffoldOptions;
  /** Additions to make now; earlier additions stay. */
  asked: ScaffoldAdditions;
  dryRun: boolean;
  /** Overwrite files that are in the way or were edited, keeping copies. */
  force: boolean;
  diff: boolean;
}

export interface InitAdditionsResult {
  files: InitFile[];
  /** Where replaced files were copied to. */
  copies?: string;
}

/**
 * Adds files to a scaffold. The template owns them from now on: they are recorded in the lock and the base,
 * so that `upgrade` merges them. All or nothing. A file that somebody else wrote is an error; a file that was
 * edited since gets the template's changes if they merge, and otherwise stays.
 *
 * @throws UserError NOT_A_SCAFFOLD, LOCK_INVALID, ADDITION_TAKEN, ADDITION_UNFIT (exit 4), and those of `initProject`
 */
export async function addToScaffold(
  context: ServiceContext,
  input: InitAdditionsInput,
): Promise<InitAdditionsResult> {
  const { directory, dryRun, diff } = input;
  const template = await loadTemplate();
  const reported = (files: readonly ComparedFile[]) => files.map((file) => initFile(file, diff));
  const first = await plan(template, input);
  if (dryRun || first.every(({ write }) => write === undefined)) return { files: reported(first) };
  return withProjectLock(
    { stateFolder: join(directory, STATE_FOLDER) },
    {
      command: 'invctl init',
      waitMs: LOCK_WAIT_MS,
      onWait: ({ pid }) => context.warn(`waiting for process ${pid}, which works in this folder`),
      signal: context.signal,
    },
    async () => {
      const files = await plan(template, input);
      const root = await realpath(directory);
      const copies = join(root, STATE_FOLDER, 'replaced', new Date().toISOString().replaceAll(':', '-'));
      await writeFiles(
        files.flatMap(({ write }) => write ?? []),
        {
          root,
          copiesFolder: copies,
          asideFolder: join(root, STATE_FOLDER, 'aside'),
          folderModes: new Map(),
          signal: context.signal,
        },
      );
      const replaced = files.some(({ status }) => status === 'replaced');
      return { files: reported(files), ...(replaced ? { copies } : {}) };
    },
  );
}

/**
 * The root of the repository, for a project in a subfolder of it: some files have to be there. Undefined: the
 * project is at the root, or in no repository.
 */
export function repositoryAbove(directory: string): string | undefined {
  for (let folder = directory; ; folder = dirname(folder)) {
    if (existsSync(join(folder, '.git'))) return folder === directory ? undefined : folder;
    if (dirname(folder) === folder) return undefined;
  }
}

/**
 * Environments of `invctl.yaml` whose compose files do not include the overlay.
 * @throws UserError CONFIG_INVALID (exit 4)
 */
export async function environmentsWithoutOverlay(directory: string): Promise<string[]> {
  const { environments } = await readSettings({ directory });
  return Object.entries(environments).flatMap(([name, { files }]) =>
    files !== undefined && !files.includes(OVERLAY) ? [name] : [],
  );
}

async function plan(
  template: Template,
  { directory, options, asked, dryRun, force }: InitAdditionsInput,
): Promise<ComparedFile[]> {
  const isThere = !dryRun || (await readIfPresent(join(directory, LOCK_PATH))) !== undefined;
  const { lock, base } = isThere
    ? await recorded(directory)
    : { lock: createLock(template, options, []), base: undefined };
  if (isThere) assertRoom(directory, lock, asked);
  const additions = withAdditions(lock.additions ?? {}, asked);
  const [wanted, all, before] = await Promise.all([
    renderAdditions(template, lock.options, asked),
    renderAdditions(template, lock.options, additions),
    renderAdditions(template, lock.options, lock.additions ?? {}),
  ]);
  const earlier = new Map(before.map((file) => [file.path, file]));
  const touched = new Set(wanted.map(({ path }) => path));
  // The overlay holds what was added before as well, and two additions together may have files of their own.
  const rendered = all.filter(
    ({ path, content }) => touched.has(path) || earlier.get(path)?.content.equals(content) !== true,
  );
  const root = isThere ? await realpath(directory) : directory;
  const files: ComparedFile[] = [];
  const accepted: OwnedScaffoldFile[] = [];
  for (const file of rendered) {
    const same = earlier.get(file.path)?.content.equals(file.content) === true;
    const compared = await compareAddition(root, file, { lock, base, force, same });
    files.push(compared);
    if (compared.status !== 'differs') accepted.push(file);
  }
  const taken = files.filter(({ path, status }) => status === 'differs' && lock.files[path] === undefined);
  if (taken.length > 0) {
    throw takenBy(
      taken.map(({ path }) => path),
      directory,
    );
  }
  if (!isThere) return files;
  return [...files, ...(await recordAdditions(root, template, { lock, base }, additions, accepted))];
}

export type OwnedScaffoldFile = Extract<ScaffoldFile, { policy: 'owned' }>;

interface Recorded {
  lock: ScaffoldLock;
  /** Undefined: the scaffold has none. */
  base: ScaffoldBase | undefined;
}

/** @throws UserError NOT_A_SCAFFOLD, LOCK_INVALID (exit 4) */
export async function recorded(directory: string): Promise<Recorded> {
  const file = join(directory, LOCK_PATH);
  const text = await readIfPresent(file);
  if (!text) {
    throw new UserError({
      code: 'NOT_A_SCAFFOLD',
      message: `${directory} has no ${LOCK_PATH}: invctl did not make this project, and what is added would not fit it`,
      hint: 'in an empty folder, invctl init makes a project that it fits',
      exitCode: ExitCode.projectInvalid,
    });
  }
  const kept = await readIfPresent(join(directory, BASE_PATH));
  return { lock: parseLock(text.toString('utf8'), file), base: kept && parseBase(kept) };
}

/** Updates the lock and the base with the additions and their rendered files. */
export async function recordAdditions(
  root: string,
  template: Template,
  { lock, base }: Recorded,
  additions: ScaffoldAdditions,
  files: readonly OwnedScaffoldFile[],
): Promise<ComparedFile[]> {
  const hashes: ScaffoldLock['files'] = {
    ...lock.files,
    ...Object.fromEntries(files.map(({ path, content }) => [path, sha256(content)])),
  };
  // In the order in which `init` records them.
  const ordered = (await renderAdditions(template, lock.options, additions)).map(({ path }) => path);
  const isAdded = (path: string) => ordered.includes(path);
  const paths = [...Object.keys(hashes).filter((path) => !isAdded(path)), ...ordered];
  const next: ScaffoldLock = {
    lockVersion: lock.lockVersion,
    template: lock.template,
    options: lock.options,
    additions,
    files: Object.fromEntries(
      paths.flatMap((path) => (hashes[path] === undefined ? [] : [[path, hashes[path]]])),
    ),
    ...(lock.renumbered ? { renumbered: lock.renumbered } : {}),
  };
  const records: { path: string; content: Buffer }[] = [
    { path: LOCK_PATH, content: Buffer.from(formatLock(next)) },
  ];
  const isKept = files.every(({ path, content }) => base?.get(path)?.content.equals(content));
  if (base && !isKept) {
    records.unshift({ path: BASE_PATH, content: formatBase(new Map([...base, ...baseOf(files)])) });
  }
  const compared: ComparedFile[] = [];
  for (const { path, content } of records) {
    const current = await readIfPresent(join(root, path));
    if (current?.equals(content)) continue;
    const write: FileWrite = {
      path: await containedPath(root, path),
      content,
      mode: 0o644,
      existing: 'discard',
    };
    compared.push({ path, status: 'updated', write });
  }
  return compared;
}

async function compareAddition(
  root: string,
  file: OwnedScaffoldFile,
  { lock, base, force, same }: Recorded & { force: boolean; same: boolean },
): Promise<ComparedFile> {
  const { path, content, mode } = file;
  const current = await readIfPresent(join(root, path));
  const write = async (text: Buffer, existing: FileWrite['existing']): Promise<FileWrite> => ({
    path: await containedPath(root, path),
    content: text,
    mode,
    existing,
  });
  if (current === undefined) return { path, status: 'created', write: await write(content, 'none') };
  // Git may have checked it out with other line ends.
  if (sameText(current, content)) return { path, status: 'unchanged' };
  const texts = { here: current.toString('utf8'), template: content.toString('utf8') };
  if (force) return { path, status: 'replaced', texts, write: await write(content, 'copy') };
  const hash = lock.files[path];
  const kept = base?.get(path);
  if (hash !== undefined && !same && kept && sha256(kept.content) === hash) {
    const decision = decide({
      path,
      here: await fileHere(root, path),
      theirs: file,
      earlier: { known: true, file: kept },
      frozen: false,
      labels: { ours: 'yours', base: 'before', theirs: 'template' },
    });
    if (decision.status === 'updated' || decision.status === 'merged') {
      return { path, status: 'updated', write: await write(decision.content, 'discard') };
    }
  }
  return { path, status: 'differs', edited: hash !== sha256(current), texts };
}

/**
 * @throws UserError ADDITION_TAKEN (exit 4) when the project has an overlay, or such services, of its own; ADDITION_UNFIT
 * when it lacks what the overlay builds on
 */
function assertRoom(directory: string, lock: ScaffoldLock, asked: ScaffoldAdditions): void {
  const added = (['domain', 'monitoring'] as const).filter((addition) => asked[addition] !== undefined);
  if (added.length === 0) return;
  const others = OVERRIDE_FILE_NAMES.filter((name) => name !== OVERLAY);
  const overlay = others.find((name) => existsSync(join(directory, name)));
  if (overlay) throw takenBy([overlay], directory);
  for (const addition of added) {
    // What is in the overlay is ours, once it was added.
    const isNew = lock.additions?.[addition] === undefined;
    const hasOverlay = lock.files[OVERLAY] !== undefined && existsSync(join(directory, OVERLAY));
    const files = ['compose.yaml', ...(isNew && hasOverlay ? [OVERLAY] : [])].map((name) =>
      join(directory, name),
    );
    // No path has a line end, and one may have a colon.
    const env = { COMPOSE_FILE: files.join('\n'), COMPOSE_PATH_SEPARATOR: '\n' };
    const tree = loadProject(locateProject(directory, env), env).tree;
    if (isNew) assertFits(tree, addition, files[0] as string);
    for (const [kind, names] of Object.entries(NAMES[addition])) {
      const name = names.find((name) => mapAt(tree, kind)?.entries.has(name));
      if (name === undefined) continue;
      throw new UserError({
        code: 'ADDITION_TAKEN',
        message: `${files.join(' or ')} has ${name} under ${kind} already, which --${addition} adds: nothing was changed`,
        hint: `rename yours there, or keep what you have instead of --${addition}`,
        exitCode: ExitCode.projectInvalid,
        file: files[0] as string,
      });
    }
  }
}

/**
 * An overlay that lays something over a service that was renamed makes a project that Compose refuses.
 *
 * @throws UserError ADDITION_UNFIT (exit 4)
 */
function assertFits(tree: TreeMap, addition: 'domain' | 'monitoring', file: string): void {
  for (const [kind, names] of Object.entries(BUILT_ON[addition])) {
    const missing = names.filter((name) => !mapAt(tree, kind)?.entries.has(name));
    if (missing.length === 0) continue;
    const quoted = missing.map((name) => `"${name}"`).join(' and ');
    throw new UserError({
      code: 'ADDITION_UNFIT',
      message: `${file} has no ${quoted} under ${kind}, which --${addition} builds on: nothing was changed`,
      hint: `call it ${quoted} there, as invctl init did, and: invctl init --${addition}      (others reach a service by another name too with \`aliases\` under its networks)`,
      exitCode: ExitCode.projectInvalid,
      file,
    });
  }
}

/** What the overlay of an addition lays something over, or refers to, by section of a compose file. */
const BUILT_ON: Record<'domain' | 'monitoring', Record<string, readonly string[]>> = {
  domain: { services: ['api'] },
  monitoring: { services: ['api', 'db'], networks: ['backend'], secrets: ['db_password'] },
};

/** What an addition calls its own, by section of a compose file. */
const NAMES: Record<'domain' | 'monitoring', Record<string, readonly string[]>> = {
  domain: { services: ['proxy'], networks: ['edge'], volumes: ['proxy-data', 'proxy-config'] },
  monitoring: {
    services: [
      'prometheus',
      'alertmanager',
      'node-exporter',
      'postgres-exporter',
      'blackbox-exporter',
      'log-store',
      'log-shipper',
    ],
    networks: ['monitoring'],
    volumes: ['prometheus-data', 'alertmanager-data', 'log-store-data', 'log-shipper-state'],
  },
};

function takenBy(paths: readonly string[], directory: string): UserError {
  return new UserError({
    code: 'ADDITION_TAKEN',
    message: `${paths.join(', ')} ${paths.length === 1 ? 'is' : 'are'} there already, and invctl did not write ${paths.length === 1 ? 'it' : 'them'}: nothing was changed`,
    hint: 'move it away, or let it be replaced, with a copy kept: the same command with --force',
    exitCode: ExitCode.projectInvalid,
    file: join(directory, paths[0] as string),
  });
}
