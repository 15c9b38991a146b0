import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrorCode } from '../../errors.js';
import { explainFileError, explainReadError, syncFolder, writeFileAtomic } from '../../system/files.js';
import { OWNER_FILE } from './copy-names.js';
import { namesIn, type ProtectionRecord, readReceiverNote, readRecord, writeRecord } from './place.js';

/** Folder in the place for what was received from servers before the present one. */
const EARLIER = 'earlier';
/** Its first line is the identifier of the server that the place is for; without it, files are being moved. */
const SYSTEM = 'system';
/** What belongs to one server, in the order of its moves. */
const OF_SERVER: readonly string[] = [SYSTEM, 'bases', 'wal', 'state', 'protection.json'];

/** What was received from a server that an upgrade replaced. */
export interface EarlierServer {
  /** Has the structure of a place. */
  folder: string;
  record: ProtectionRecord;
}

/** Returns the folder of an earlier server's bases and WAL. */
export function earlierFolder(place: string, systemIdentifier: string): string {
  return join(place, EARLIER, systemIdentifier);
}

/**
 * Returns the identifier of the server that the place is for; undefined while {@link putAside} or {@link takeUp}
 * works.
 */
export async function presentServer(place: string): Promise<string | undefined> {
  const text = await readFile(join(place, SYSTEM), 'utf8').catch((error) => {
    if (hasErrorCode(error, 'ENOENT')) return undefined;
    throw explainReadError(error, place);
  });
  return text?.split('\n')[0];
}

/** Returns the earlier servers of a place in no order. One that is half moved is not among them. */
export async function earlierServers(place: string): Promise<EarlierServer[]> {
  const found: EarlierServer[] = [];
  for (const name of await namesIn(join(place, EARLIER))) {
    const folder = join(place, EARLIER, name);
    const record = await readRecord(folder);
    if (record) found.push({ folder, record });
  }
  return found;
}

/**
 * Returns the earlier servers of which no moment has to be kept. Each goes as a whole. The receiver has the
 * same rule (templates/protection/receiver.sh).
 * @param keepSeconds seconds for which every moment must stay restorable.
 */
export async function unneededServers(place: string, keepSeconds: number): Promise<EarlierServer[]> {
  const found: EarlierServer[] = [];
  for (const server of await earlierServers(place)) {
    const note = await readReceiverNote(server.folder);
    const ended = note?.covered ?? note?.at;
    if (ended && ended.getTime() < Date.now() - keepSeconds * 1000) found.push(server);
  }
  return found;
}

/** @throws UserError READ_ONLY */
export async function removeServer({ folder }: EarlierServer): Promise<void> {
  try {
    // The record goes first: from then on it is not a server.
    await rm(join(folder, 'protection.json'), { force: true });
    await rm(folder, { recursive: true, force: true });
  } catch (error) {
    throw explainFileError(error, folder);
  }
}

/**
 * Moves what was received from a server into a folder of its own in the place, so that another server can
 * follow. No receiver may run. It can be repeated, wherever it was cut off.
 * @param server is noted in its record.
 * @throws UserError READ_ONLY, DISK_FULL
 */
export async function putAside(
  place: string,
  systemIdentifier: string,
  server: Pick<ProtectionRecord, 'major' | 'image'> = {},
): Promise<void> {
  const folder = earlierFolder(place, systemIdentifier);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const moved = await namesIn(folder);
    for (const name of (await namesIn(place)).sort(inOrder)) {
      // What has its name in the place by now is the next server's.
      if (OF_SERVER.includes(name) && !moved.includes(name))
        await rename(join(place, name), join(folder, name));
    }
    await syncFolder(folder);
    await syncFolder(place);
    const record = await readRecord(folder);
    if (record) await writeRecord(folder, { ...record, ...server });
    // The copies of the next server are those of the same machine.
    const owner = await readFile(join(folder, 'state', OWNER_FILE), 'utf8').catch(() => undefined);
    await mkdir(join(place, 'state'), { recursive: true, mode: 0o700 });
    if (owner !== undefined) await writeFileAtomic(join(place, 'state', OWNER_FILE), owner, 0o600);
  } catch (error) {
    throw explainFileError(error, folder);
  }
}

/**
 * Reverts {@link putAside}. What the place has of another server is removed. It can be repeated, wherever it
 * was cut off.
 * @throws UserError READ_ONLY
 */
export async function takeUp(place: string, systemIdentifier: string): Promise<void> {
  const folder = earlierFolder(place, systemIdentifier);
  try {
    const names = await namesIn(folder);
    if (names.includes(SYSTEM)) await rm(join(place, SYSTEM), { force: true });
    for (const name of names.sort(inOrder).reverse()) {
      if (!OF_SERVER.includes(name)) continue;
      await rm(join(place, name), { recursive: true, force: true });
      await rename(join(folder, name), join(place, name));
    }
    await syncFolder(place);
    await rm(folder, { recursive: true, force: true });
  } catch (error) {
    throw explainFileError(error, place);
  }
}

function inOrder(one: string, other: string): number {
  return OF_SERVER.indexOf(one) - OF_SERVER.indexOf(other);
}
