import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import {
  applyChanges,
  keepAsLast,
  readUpgradeRecord,
  restoreChanges,
  UPGRADE_FOLDER,
  type UpgradeRecord,
} from '../../template/upgrade-folder.js';
import type { ServiceContext } from '../context.js';
import { operation } from '../operation.js';

const stateSchema = z.object({
  /** The folder that holds both sides, relative to the project. */
  folder: z.string().regex(/^\.invctl\/upgrade(-[\w-]+)?$/),
});

/** The folders that an upgrade works on. */
interface Staged {
  /** Folder of the project. */
  root: string;
  /** Absolute; the record and both sides of each change are in it. */
  folder: string;
}

const reopen = async (context: ServiceContext, { folder }: z.infer<typeof stateSchema>): Promise<Staged> => {
  const { directory } = context.project();
  return { root: directory, folder: join(directory, folder) };
};

/**
 * Once both sides are on the disk, an upgrade that was cut off is finished; before that, nothing was changed.
 */
export const templateUpgradeOperation = operation({
  name: 'upgrade',
  state: stateSchema,
  /** Both sides are copied · the files are written · the old side is kept for a later abort. */
  steps: ['stage', 'write', 'keep'],
  final: 'keep',
  reopen,
  finish: {
    applies: async (_context, _staged, { step }) => step !== 'stage',
    async complete(context, staged, { step }) {
      const record = await readUpgradeRecord(staged.folder);
      // Without a record, the folder has its new name already.
      if (record && step === 'write') await writeAll(context, staged, record);
      await keepAsLast(staged.root, staged.folder);
      return 'every file is written; `invctl upgrade --abort` takes them back';
    },
  },
  async revert(context, staged, { step }) {
    const record = await readUpgradeRecord(staged.folder);
    if (record && step !== 'stage') await putBack(context, staged, record);
    await forget(staged.folder);
    return 'the files of the project are as before';
  },
});

/** It is always finished, whenever it was cut off; after an error it can be repeated. */
export const abortOperation = operation({
  name: 'upgrade --abort',
  state: stateSchema,
  steps: ['restore'],
  final: 'restore',
  reopen,
  finish: {
    applies: async () => true,
    async complete(context, staged) {
      const record = await readUpgradeRecord(staged.folder);
      if (record) await putBack(context, staged, record);
      await forget(staged.folder);
      return 'every file is as it was before the upgrade';
    },
  },
  async revert() {
    return 'nothing';
  },
});

export function stagedIn(root: string, folder = UPGRADE_FOLDER): Staged {
  return { root, folder: join(root, folder) };
}

/** Where copies are of files that somebody edited while an upgrade was under way, or since. */
export interface PutAside {
  paths: string[];
  folder: string;
}

/** Brings every file to what it is after the upgrade. */
export async function writeAll(
  context: ServiceContext,
  staged: Staged,
  record: UpgradeRecord,
): Promise<void> {
  const folder = asideFolder(staged.root);
  tell(context, { paths: await applyChanges(record, staged, folder), folder });
}

/** Brings every file to what it was before the upgrade. */
export async function putBack(
  context: ServiceContext,
  staged: Staged,
  record: UpgradeRecord,
): Promise<PutAside> {
  const folder = asideFolder(staged.root);
  const aside = { paths: await restoreChanges(record, staged, folder), folder };
  tell(context, aside);
  return aside;
}

/** The record is removed first: without it, the other files are ignored. */
export async function forget(folder: string): Promise<void> {
  await rm(join(folder, 'record.json'), { force: true });
  await rm(folder, { recursive: true, force: true });
}

function asideFolder(root: string): string {
  return join(root, '.invctl', 'replaced', new Date().toISOString().replaceAll(':', '-'));
}

function tell(context: ServiceContext, { paths, folder }: PutAside): void {
  if (paths.length > 0) context.warn(`edited in between, copies are in ${folder}: ${paths.join(', ')}`);
}
