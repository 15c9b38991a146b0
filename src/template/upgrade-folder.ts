import { chmod, mkdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { hasErrorCode } from '../errors.js';
import { explainFileError, writeFileAtomic } from '../system/files.js';
import { readIfPresent } from './compare.js';
import { conflictLines } from './conflict-markers.js';
import { sha256 } from './lock.js';
import { scaffoldPath } from './manifest.js';
import type { FileChange } from './upgrade-plan.js';

/**
 * Folder in which the last upgrade of a project keeps the earlier files: for `upgrade --abort`, until the
 * next upgrade.
 */
export const UPGRADE_FOLDER = '.invctl/upgrade';

const version = z.object({ sha256: z.string(), mode: z.int() });

const upgradeRecord = z.object({
  recordVersion: z.literal(1),
  id: z.string(),
  /** ISO time. */
  at: z.string(),
  /** Versions of the template. */
  from: z.string(),
  to: z.string(),
  changes: z.array(z.object({ path: scaffoldPath, before: version.optional(), after: version.optional() })),
  /** Files with both versions between markers, relative to the project. */
  conflicts: z.array(scaffoldPath),
  /** Folders that get a mode of their own when they are made. */
  folders: z.array(z.object({ path: scaffoldPath, mode: z.int() })),
  /** New migrations: a database in which they were applied has a newer schema than the earlier code. */
  migrations: z.array(scaffoldPath),
});

export type UpgradeRecord = z.infer<typeof upgradeRecord>;
type RecordedChange = UpgradeRecord['changes'][number];

/** Folders with the files of a change at work. */
interface Copies {
  /** Real path of the project. */
  root: string;
  /** Absolute; has `before/` and `after/`. */
  folder: string;
}

/**
 * Writes both sides of every change, and the record last: a folder with a record is complete.
 * @param apart the template's content of files that could not be merged; it stays in `theirs/` for the user.
 */
export async function stageUpgrade(
  folder: string,
  record: Omit<UpgradeRecord, 'recordVersion' | 'changes'>,
  changes: readonly FileChange[],
  apart: ReadonlyMap<string, Buffer>,
): Promise<UpgradeRecord> {
  await makeFolder(folder);
  // It contains settings and their values.
  await writeFileAtomic(join(folder, '.gitignore'), '*\n');
  for (const { path, before, after } of changes) {
    if (before) await put(join(folder, 'before', path), before.content, 0o600);
    if (after) await put(join(folder, 'after', path), after.content, 0o600);
  }
  for (const [path, content] of apart) await put(join(folder, 'theirs', path), content, 0o600);
  const whole: UpgradeRecord = {
    ...record,
    recordVersion: 1,
    changes: changes.map(({ path, before, after }) => ({
      path,
      ...(before ? { before: versionOf(before) } : {}),
      ...(after ? { after: versionOf(after) } : {}),
    })),
  };
  await writeFileAtomic(join(folder, 'record.json'), `${JSON.stringify(whole, undefined, 2)}\n`, 0o600);
  return whole;
}

/** Returns undefined if there is none. */
export async function readUpgradeRecord(folder: string): Promise<UpgradeRecord | undefined> {
  const text = await readIfPresent(join(folder, 'record.json'));
  return text && upgradeRecord.parse(JSON.parse(text.toString('utf8')));
}

/**
 * Brings every file to its state after the changes. After an interruption it can be called again. A file that
 * is in neither the earlier nor the later state was edited in between: it is first moved to `aside`.
 * @returns the paths that were moved there.
 */
export function applyChanges(record: UpgradeRecord, copies: Copies, aside: string): Promise<string[]> {
  return bring(record.changes, record.folders, copies, 'after', aside);
}

/** Reverts {@link applyChanges}. */
export function restoreChanges(record: UpgradeRecord, copies: Copies, aside: string): Promise<string[]> {
  const back = record.changes.map(({ path, before, after }) => ({
    path,
    ...(after ? { before: after } : {}),
    ...(before ? { after: before } : {}),
  }));
  return bring(back, record.folders, copies, 'before', aside);
}

/**
 * Returns the files of the last upgrade that still have both versions between markers, with the lines at
 * which the conflicts begin.
 */
export async function unresolvedConflicts(root: string): Promise<{ file: string; lines: number[] }[]> {
  const record = await readUpgradeRecord(join(root, UPGRADE_FOLDER));
  const found: { file: string; lines: number[] }[] = [];
  for (const path of record?.conflicts ?? []) {
    const content = await readFile(join(root, path)).catch(() => Buffer.alloc(0));
    const lines = conflictLines(content);
    if (lines.length > 0) found.push({ file: join(root, path), lines });
  }
  return found;
}

async function bring(
  changes: readonly RecordedChange[],
  folders: UpgradeRecord['folders'],
  { root, folder }: Copies,
  side: 'before' | 'after',
  aside: string,
): Promise<string[]> {
  const putAside: string[] = [];
  // Removals come first: a folder may replace a file.
  for (const change of [...changes].sort((a, b) => Number(Boolean(a.after)) - Number(Boolean(b.after)))) {
    const { path, before, after } = change;
    const target = join(root, path);
    const current = await currentVersion(target);
    if (isVersion(current, after)) continue;
    if (current && !isVersion(current, before)) {
      await put(join(aside, path), current.content, current.mode);
      putAside.push(path);
    }
    if (after) {
      await rmdirIfEmpty(target);
      for (const { path: special, mode } of folders) {
        if (path.startsWith(`${special}/`)) await makeFolder(join(root, special), mode);
      }
      await put(target, await readFile(join(folder, side, path)), after.mode);
    } else {
      await rm(target, { force: true });
      await removeEmptyFolders(root, dirname(target));
    }
  }
  return putAside;
}

async function currentVersion(path: string): Promise<{ content: Buffer; mode: number } | undefined> {
  try {
    const content = await readFile(path);
    return { content, mode: (await stat(path)).mode & 0o777 };
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) return undefined;
    throw explainFileError(error, path);
  }
}

function isVersion(
  current: { content: Buffer; mode: number } | undefined,
  version: RecordedChange['after'],
): boolean {
  if (!current || !version) return !current && !version;
  return current.mode === version.mode && sha256(current.content) === version.sha256;
}

function versionOf({ content, mode }: { content: Buffer; mode: number }) {
  return { sha256: sha256(content), mode };
}

async function put(path: string, content: Uint8Array, mode: number): Promise<void> {
  await makeFolder(dirname(path));
  await writeFileAtomic(path, content, mode);
}

async function makeFolder(path: string, mode?: number): Promise<void> {
  try {
    const made = await mkdir(path, { recursive: true });
    // The umask limits mkdir's mode.
    if (made !== undefined && mode !== undefined) await chmod(path, mode);
  } catch (error) {
    throw explainFileError(error, path);
  }
}

async function removeEmptyFolders(root: string, from: string): Promise<void> {
  for (let folder = from; folder !== root && folder.startsWith(root); folder = dirname(folder)) {
    if (!(await rmdirIfEmpty(folder))) return;
  }
}

async function rmdirIfEmpty(folder: string): Promise<boolean> {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    if (hasErrorCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR')) return false;
    throw explainFileError(error, folder);
  }
}

/** Makes the folder of a new upgrade the project's last one; all of its changes must be applied. */
export async function keepAsLast(root: string, folder: string): Promise<void> {
  const last = join(root, UPGRADE_FOLDER);
  if (await isThere(folder)) {
    await rm(join(folder, 'after'), { recursive: true, force: true });
    await rm(last, { recursive: true, force: true });
    await rename(folder, last);
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return false;
    throw error;
  }
}
