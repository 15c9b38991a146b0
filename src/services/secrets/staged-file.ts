import { chown, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { hasErrorCode } from '../../errors.js';
import { explainFileError, removePartials, syncFolder, writeFileAtomic } from '../../system/files.js';
import { Secret } from '../../system/secret.js';

/**
 * A file of this machine whose content is being replaced. The files `.next`, `.previous` and `.verifier`
 * beside it are each whole or absent, so that `recover` can finish or revert the replacement.
 */
export class StagedFile {
  readonly path: string;
  readonly #next: string;
  readonly #previous: string;
  readonly #verifier: string;

  constructor(path: string) {
    this.path = path;
    this.#next = `${path}.next`;
    this.#previous = `${path}.previous`;
    this.#verifier = `${path}.verifier`;
  }

  /**
   * Writes the new content and a copy of the old one beside the file, both with its owner and mode.
   * @param verifier what the database stores of the old password, null when it has none.
   * @throws UserError of {@link writeFileAtomic}
   */
  async stage(next: Secret, verifier?: Secret | null): Promise<void> {
    await writeLike(this.#previous, await readFile(this.path), this.path);
    await writeLike(this.#next, next.reveal(), this.path);
    if (verifier !== undefined) await writeFileAtomic(this.#verifier, verifier?.reveal() ?? '', 0o600);
  }

  next(): Promise<Secret | undefined> {
    return readSecret(this.#next);
  }

  previous(): Promise<Secret | undefined> {
    return readSecret(this.#previous);
  }

  /** Undefined: none was staged; null: the role had no password. */
  async verifier(): Promise<Secret | null | undefined> {
    const verifier = await readSecret(this.#verifier);
    return verifier?.reveal() === '' ? null : verifier;
  }

  /**
   * Renames the new content to the file's name in one step. A container with the old file mounted keeps
   * reading that.
   */
  async swap(): Promise<void> {
    await this.#rename(this.#next);
  }

  /** Gives the old content its name back, if it was swapped. */
  async swapBack(): Promise<void> {
    const [current, previous] = await Promise.all([readSecret(this.path), this.previous()]);
    if (previous === undefined || previous.reveal() === current?.reveal()) return;
    await this.#rename(this.#previous);
  }

  /** Removes all staged files. */
  async discard(): Promise<void> {
    for (const file of [this.#next, this.#previous, this.#verifier]) await rm(file, { force: true });
    await removePartials(dirname(this.path), `${basename(this.path)}.`);
    await syncFolder(dirname(this.path));
  }

  async #rename(from: string): Promise<void> {
    try {
      await rename(from, this.path);
      await syncFolder(dirname(this.path));
    } catch (error) {
      throw explainFileError(error, this.path);
    }
  }
}

async function writeLike(path: string, content: string | Uint8Array, like: string): Promise<void> {
  const { mode, uid, gid } = await stat(like);
  await writeFileAtomic(path, content, mode & 0o777);
  // Only root can change an owner; a file of any other user is that user's own.
  if (process.getuid?.() === 0) await chown(path, uid, gid);
}

async function readSecret(path: string): Promise<Secret | undefined> {
  try {
    return new Secret(await readFile(path, 'utf8'));
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
