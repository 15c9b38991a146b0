import { access, constants, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ExitCode, UserError } from '../errors.js';
import type { Database } from '../postgres/database.js';
import { explainReadError } from '../system/files.js';
import type { World } from '../system/world.js';
import { ArchiveWriter, type Digest, digestOf } from './archive-file.js';
import { assertDigest } from './archive-reader.js';
import {
  assertSpace,
  backupFolder,
  commitBackup,
  findArchive,
  makeBackupFolder,
  type StoredBackup,
} from './backup-folder.js';
import { configuredStore } from './configured-store.js';
import type { CopyStore, TransferOptions } from './copy-store.js';
import { formatManifest, type Manifest, manifestPath, parseManifest } from './manifest.js';

/** A copy of a backup, outside of the backups' own disk. */
export interface BackupCopy {
  /** Name of the archive. */
  name: string;
  manifest: Manifest;
}

/** Returns the project's copies, newest first. As on disk, an archive without a manifest is not a copy. */
export async function listCopies(store: CopyStore, project: string): Promise<BackupCopy[]> {
  const names = await store.names();
  const known = new Set(names);
  const copies = await Promise.all(
    names
      .filter((name) => known.has(manifestPath(name)))
      .map(async (name) => {
        const manifest = parseManifest(await store.readText(manifestPath(name)));
        return manifest?.project === project ? [{ name, manifest }] : [];
      }),
  );
  return copies.flat().sort((a, b) => b.manifest.takenAt.localeCompare(a.manifest.takenAt));
}

/**
 * Copies a backup: the archive first, which is then read back and hashed, the manifest last. If the copy
 * exists already, only a changed manifest is sent.
 * @returns whether the archive was sent.
 * @throws UserError COPY_FAILED; the backup itself is unchanged.
 */
export async function copyBackup(
  store: CopyStore,
  { file, manifest }: StoredBackup,
  options: TransferOptions,
): Promise<boolean> {
  const name = basename(file);
  const text = formatManifest(manifest);
  try {
    const there = await store.readText(manifestPath(name));
    const other = parseManifest(there);
    if (other && other.sha256 !== manifest.sha256) {
      throw new UserError({
        code: 'COPY_DIFFERS',
        message: `${store.address}/${name} is there already, and is another backup`,
        hint: 'remove it there, or rename this one and its manifest',
      });
    }
    if (!other) {
      await access(file, constants.R_OK).catch((error) => {
        throw explainReadError(error, file);
      });
      const sent = await store.write(name, file, { ...options, bytes: manifest.bytes });
      try {
        assertDigest(sent, manifest);
        assertSame(await digestOf(await store.read(name, options.signal)), sent, `${store.address}/${name}`);
      } catch (error) {
        await store.remove(name);
        throw error;
      }
    }
    if (there !== text) await store.writeText(manifestPath(name), text);
    return !other;
  } catch (error) {
    throw copyFailed(error, { file, manifest });
  }
}

/**
 * Copies a new backup to the place that invctl.yaml names.
 * @returns the address of the copy; undefined if no place is named.
 * @throws UserError COPY_FAILED; the backup itself is unchanged.
 */
export async function copyTaken(
  context: World,
  database: Database,
  backup: StoredBackup,
  options: TransferOptions,
): Promise<string | undefined> {
  const store = await configuredStore(context, database).catch((error) => {
    throw copyFailed(error, backup);
  });
  if (!store) return undefined;
  await copyBackup(store, backup, options);
  return `${store.address}/${basename(backup.file)}`;
}

/** @throws UserError COPY_DIFFERS (exit 8) */
function assertSame(back: Digest, sent: Digest, address: string): void {
  if (back.bytes === sent.bytes && back.sha256 === sent.sha256) return;
  throw new UserError({
    code: 'COPY_DIFFERS',
    message: `what was read back from ${address} is not what was sent: ${back.bytes} bytes with SHA-256 ${back.sha256}`,
    exitCode: ExitCode.dataUnverified,
  });
}

function copyFailed(error: unknown, { file }: StoredBackup): unknown {
  if (!(error instanceof UserError)) return error;
  if (error.code === 'BACKUP_UNREADABLE') {
    return new UserError({
      code: 'COPY_FAILED',
      message: `${file} is not copied: ${error.message}`,
      hint: `remove it and its manifest; ${error.hint}`,
      exitCode: error.exitCode,
      details: { file, reason: error.code },
      cause: error,
    });
  }
  return new UserError({
    code: 'COPY_FAILED',
    message: `the backup ${file} is whole, but not copied: ${error.message}`,
    hint: `${error.hint ? `${error.hint}\n` : ''}then: invctl db copy ${basename(file)}`,
    exitCode: error.exitCode,
    details: { file, reason: error.code },
    cause: error,
  });
}

/** Removes the manifest first: from then on the archive is not a copy. */
export async function removeStoredCopy(store: CopyStore, name: string): Promise<void> {
  await store.remove(manifestPath(name));
  await store.remove(name);
}

/**
 * Finds the archive that the user names: a path, a name in the backup folder, or the name or address of a
 * copy, which is fetched into that folder and hashed.
 * @throws UserError BACKUP_NOT_FOUND, COPIES_UNREACHABLE, BACKUP_UNREADABLE (exit 8) if the copy does not
 * match its manifest.
 */
export async function findOrFetch(
  context: World,
  database: Pick<Database, 'location' | 'settings'>,
  named: string,
  options: TransferOptions,
): Promise<string> {
  const folder = backupFolder(database.location, database.settings);
  try {
    return await findArchive(named, context.directory, folder);
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'BACKUP_NOT_FOUND') throw error;
    const store = await configuredStore(context, database);
    const name = store && named.startsWith(`${store.address}/`) ? basename(named) : named;
    const manifest = store && !name.includes('/') && parseManifest(await store.readText(manifestPath(name)));
    if (!manifest) throw error;
    return await fetchCopy(store, { name, manifest }, folder, options);
  }
}

async function fetchCopy(
  store: CopyStore,
  { name, manifest }: BackupCopy,
  folder: string,
  { signal, onBytes }: TransferOptions,
): Promise<string> {
  await makeBackupFolder(folder);
  await assertSpace(folder, manifest.bytes);
  const file = join(folder, name);
  const partial = `${file}.partial`;
  // Leftover of a killed fetch; no other fetch runs, because the caller holds the project's lock.
  await rm(partial, { force: true });
  const writer = await ArchiveWriter.create(partial);
  const watch = setInterval(() => onBytes?.(writer.bytes), 250);
  try {
    await pipeline(await store.read(name, signal), writer, { end: false, signal });
    assertDigest(await writer.finish(), manifest);
    await commitBackup(partial, file, manifest);
    return file;
  } catch (error) {
    await writer.abandon();
    await rm(partial, { force: true });
    throw error;
  } finally {
    clearInterval(watch);
  }
}
