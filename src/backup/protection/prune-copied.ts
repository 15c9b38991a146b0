import type { CopyStore } from '../copy-store.js';
import { type CopiedProtection, copiedServers, readCopied } from './copied.js';
import { baseMark, RECORD_NAME } from './copy-names.js';
import { parseReceiverNote } from './place.js';
import { unneeded } from './retention.js';

/**
 * Removes copies that are older than the receiver's retention, by the rule for the place.
 * @returns the removed names.
 */
export async function pruneCopied(
  { store, record, catalogue, names, state }: CopiedProtection,
  { dryRun = false } = {},
): Promise<string[]> {
  const { keepSeconds = Number.POSITIVE_INFINITY, covered } = state ? parseReceiverNote(state.now) : {};
  if (record.successor !== undefined) {
    if (!covered || covered.getTime() >= Date.now() - keepSeconds * 1000) return [];
    // The record leads to the next server.
    const all = (await store.names()).filter((name) => name !== RECORD_NAME);
    if (!dryRun) for (const name of all) await store.remove(name);
    return all;
  }
  const { bases, segments } = unneeded(catalogue, keepSeconds);
  const old = new Set(segments.map(({ run, file }) => `${run}/${file}`));
  const oldSegments = new Set(segments.map(({ run, number }) => `${run}/${number}`));
  const going = [
    // The mark is removed first: from then on it is not a base.
    ...bases.map(({ id }) => baseMark(id)),
    ...bases.flatMap(({ id }) =>
      names.parts.filter((part) => part.id === id && part.name !== baseMark(id)).map(({ name }) => name),
    ),
    ...names.segments.filter(({ run, file }) => old.has(`${run}/${file}`)).map(({ name }) => name),
    ...names.pieces.filter(({ run, number }) => oldSegments.has(`${run}/${number}`)).map(({ name }) => name),
  ];
  if (!dryRun) for (const name of going) await store.remove(name);
  return going;
}

/**
 * Removes copies as {@link pruneCopied}, of every server of a project.
 * @param options.except identifier of a server that is left out.
 * @returns the removed names.
 */
export async function pruneServers(
  root: CopyStore,
  project: string,
  { except, ...options }: { dryRun?: boolean; except?: string } = {},
): Promise<string[]> {
  const removed: string[] = [];
  for (const { store, record } of await copiedServers(root, project)) {
    if (record.systemIdentifier === except) continue;
    const copied = await readCopied(store);
    if (copied) removed.push(...(await pruneCopied(copied, options)));
  }
  return removed;
}
