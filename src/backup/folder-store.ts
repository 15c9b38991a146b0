import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ExitCode, hasErrorCode, UserError } from '../errors.js';
import type { Database } from '../postgres/database.js';
import { resolvePath } from '../project/paths.js';
import { SETTINGS_FILE } from '../project/settings-path.js';
import { syncFolder, writeFileAtomic } from '../system/files.js';
import type { World } from '../system/world.js';
import { ArchiveWriter, type Digest } from './archive-file.js';
import { assertSpace, backupFolder } from './backup-folder.js';
import { type CopyStore, type TransferOptions, unreachable } from './copy-store.js';

const CHUNK_BYTES = 1024 * 1024;

/** Copies in a folder, which should be on another disk. */
export class FolderStore implements CopyStore {
  readonly address: string;
  /** Whether the folder may be made if it does not exist. */
  readonly #made: boolean;

  private constructor(folder: string, made = false) {
    this.address = folder;
    this.#made = made;
  }

  /**
   * The folder is never made: if its disk is not mounted, the new folder would be on the same disk as the
   * backups.
   * @throws UserError COPIES_UNREACHABLE, CONFIG_INVALID (exit 4)
   */
  static async open(
    { warn }: Pick<World, 'warn'>,
    copyTo: string,
    { location, settings }: Pick<Database, 'location' | 'settings'>,
  ): Promise<FolderStore> {
    const folder = resolvePath(location.directory, copyTo);
    const found = await stat(folder).catch((error) => {
      if (hasErrorCode(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return undefined;
      throw error;
    });
    if (!found?.isDirectory()) {
      throw unreachable(
        folder,
        found ? 'this is a file, not a folder' : 'the folder does not exist; is its disk mounted?',
        `ls -ld ${folder}      (mount its disk, make the folder, or mend backup.copyTo in ${SETTINGS_FILE})`,
      );
    }
    const own = backupFolder(location, settings);
    const original = await stat(own).catch(() => undefined);
    if (original && (await realpath(own)) === (await realpath(folder))) {
      throw new UserError({
        code: 'CONFIG_INVALID',
        message: `backup.copyTo is the backups' own folder ${folder}`,
        hint: `name a folder of another disk in ${SETTINGS_FILE}`,
        exitCode: ExitCode.projectInvalid,
      });
    }
    if (original?.dev === found.dev) {
      warn(`${folder} is on the same file system as the backups: what takes one takes the other`);
    }
    return new FolderStore(folder);
  }

  folder(name: string): CopyStore {
    return new FolderStore(join(this.address, name), true);
  }

  async names(): Promise<string[]> {
    return this.#try(
      readdir(this.address).catch((error) => {
        if (this.#made && hasErrorCode(error, 'ENOENT')) return [];
        throw error;
      }),
    );
  }

  /** Makes the folder but not its parents: they must not be made if the disk is not mounted. */
  async #make(): Promise<void> {
    if (!this.#made) return;
    await mkdir(this.address, { mode: 0o700 }).catch((error) => {
      if (!hasErrorCode(error, 'EEXIST')) throw error;
    });
  }

  async readText(name: string): Promise<string | undefined> {
    return this.#try(
      readFile(join(this.address, name), 'utf8').catch((error) => {
        if (hasErrorCode(error, 'ENOENT')) return undefined;
        throw error;
      }),
    );
  }

  async writeText(name: string, text: string): Promise<void> {
    await this.#try(this.#make().then(() => writeFileAtomic(join(this.address, name), text, 0o600)));
  }

  async writeBytes(name: string, content: Uint8Array): Promise<void> {
    await this.#try(this.#make().then(() => writeFileAtomic(join(this.address, name), content, 0o600)));
  }

  async read(name: string): Promise<Readable> {
    return createReadStream(join(this.address, name), { highWaterMark: CHUNK_BYTES });
  }

  async write(
    name: string,
    file: string,
    { bytes, signal, onBytes }: TransferOptions & { bytes: number },
  ): Promise<Digest> {
    const copy = join(this.address, name);
    const partial = `${copy}.partial`;
    return this.#try(
      (async () => {
        await this.#make();
        await assertSpace(this.address, bytes);
        // Leftover of a killed copy; no other process writes here, because the caller holds the project's
        // lock.
        await rm(partial, { force: true });
        const writer = await ArchiveWriter.create(partial);
        const source = createReadStream(file, { highWaterMark: CHUNK_BYTES });
        source.on('data', () => onBytes?.(writer.bytes));
        try {
          await pipeline(source, writer, { end: false, signal });
          const sent = await writer.finish();
          await rename(partial, copy);
          await syncFolder(this.address);
          return sent;
        } catch (error) {
          await writer.abandon();
          await rm(partial, { force: true });
          throw error;
        }
      })(),
    );
  }

  async remove(name: string): Promise<void> {
    await this.#try(rm(join(this.address, name), { force: true }).then(() => syncFolder(this.address)));
  }

  async #try<T>(step: Promise<T>): Promise<T> {
    try {
      return await step;
    } catch (error) {
      if (error instanceof UserError) {
        const why = error.message.replace(`${this.address} `, '');
        const hint = error.code === 'DISK_FULL' ? `df -h ${this.address}` : `ls -ld ${this.address}`;
        throw unreachable(this.address, why, hint, error);
      }
      if (!hasErrorCode(error, 'EACCES', 'EPERM', 'EIO', 'ENOENT', 'ESTALE', 'EROFS', 'ENOTDIR')) throw error;
      throw unreachable(this.address, error.message, `ls -ld ${this.address}`, error);
    }
  }
}
