import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { create } from 'tar';
import { UserError } from '../errors.js';
import { formatArgv } from '../system/argv.js';
import type { Digest } from './archive-file.js';
import { fileKind, folderKind, tarEntries } from './file-kind.js';
import type { Manifest } from './manifest.js';
import type { Unpacked } from './unpack.js';

/** A file, or a folder of pg_dump, to restore from. */
export interface Archive {
  /** Absolute path. */
  file: string;
  /**
   * `custom`, `tar` and `directory`: for pg_restore. `plain`: SQL. `physical`: a data folder.
   */
  kind: Manifest['format'] | 'tar' | 'directory';
  bytes: number;
  /** Absent for a file that `db backup` did not write. */
  manifest?: Manifest;
  /** Decrypts an encrypted file. Absent: the file is not encrypted. */
  decrypt?: (stored: Readable) => Promise<Readable>;
  /** Unpacks a file that another program packed. */
  unpack?: (stored: Readable) => Promise<Readable>;
}

/** The output of pg_dump --format=directory. */
export interface FolderArchive extends Archive {
  kind: 'directory';
}

/** Largest number of a folder's files that a message names. */
const NAMED_FILES = 3;

/**
 * Returns the kind of a file without a manifest, if a restore can use it.
 * @throws UserError NOT_A_BACKUP that says what the file is, and what to type.
 */
export function refuseKind(file: string, { start, packings }: Unpacked): 'custom' | 'tar' | 'plain' {
  const kind = fileKind(start);
  const packed = packings.length > 0 ? ` packed with ${packings.join(' and ')}` : '';
  const quoted = formatArgv([file]);
  const is = (what: string, hint: string) => notABackup(file, `${what}${packed}`, hint);
  switch (kind) {
    case 'custom':
      return 'custom';
    case 'tar':
      return tarKind(file, start, packed);
    case 'zip':
      throw is(
        'a zip file',
        `unzip -p ${quoted} > ${quoted}.sql      (of several files in it, name the dump: unzip -l ${quoted}), then: invctl db restore ${quoted}.sql`,
      );
    case '7z':
      throw is('a 7z file', `7z x -so ${quoted} > ${quoted}.sql, then: invctl db restore ${quoted}.sql`);
    case 'rar':
      throw is(
        'a rar file',
        `unrar p -inul ${quoted} > ${quoted}.sql, then: invctl db restore ${quoted}.sql`,
      );
    case 'pgp':
      throw is(
        'encrypted with PGP',
        `gpg --decrypt ${quoted} > ${quoted}.sql, then: invctl db restore ${quoted}.sql`,
      );
    case 'sqlite':
      throw is('an SQLite database', 'pgloader brings such data into PostgreSQL: https://pgloader.io');
    case 'html':
      throw is('a web page', `it may be the error of a download: head -c 500 ${quoted}`);
    default:
      return 'plain';
  }
}

function tarKind(file: string, start: Buffer, packed: string): 'tar' {
  const quoted = formatArgv([file]);
  const folder = `${file}.d`;
  switch (folderKind(tarEntries(start))) {
    case 'dump':
      return 'tar';
    case 'dump in a folder':
      throw notABackup(
        file,
        `a tar file of a folder of pg_dump${packed}`,
        `mkdir ${formatArgv([folder])} && tar -xf ${quoted} -C ${formatArgv([folder])} --strip-components=1, then: invctl db restore ${formatArgv([folder])}`,
      );
    case 'data folder':
      throw notABackup(file, `a tar file of a PostgreSQL's data folder${packed}`, dataFolderHint);
    case 'other':
      throw notABackup(
        file,
        `a tar file${packed} that pg_dump did not write`,
        `tar -tf ${quoted}      (what is in it?)`,
      );
  }
}

const dataFolderHint =
  'a data folder runs only with its own major of PostgreSQL: start one on a copy of it (docker run -v FOLDER:/var/lib/postgresql/data postgres:MAJOR), and take a backup from there: pg_dump -Fc';

/**
 * Opens a folder of pg_dump --format=directory.
 * @throws UserError NOT_A_BACKUP for every other folder.
 */
export async function openFolder(file: string): Promise<FolderArchive> {
  const names = await readdir(file);
  switch (folderKind(names)) {
    case 'dump': {
      const sizes = await Promise.all(names.map(async (name) => (await stat(join(file, name))).size));
      return { file, kind: 'directory', bytes: sizes.reduce((sum, size) => sum + size, 0) };
    }
    case 'data folder':
      throw notABackup(file, "a folder with a PostgreSQL's data", dataFolderHint);
    default: {
      const inside = names
        .sort()
        .slice(0, NAMED_FILES)
        .map((name) => formatArgv([join(file, name)]));
      throw notABackup(
        file,
        'a folder that pg_dump --format=directory did not write',
        inside.length === 0
          ? 'it is empty; invctl db list'
          : `name a file in it, such as ${inside.join(', ')}`,
      );
    }
  }
}

/** Returns a folder's files as a tar file; the digest is that of the tar file. */
export function dumpFolder(
  { file }: FolderArchive,
  onBytes?: (total: number) => void,
): { stream: Readable; digest: () => Digest } {
  const hash = createHash('sha256');
  let bytes = 0;
  async function* all(): AsyncGenerator<Buffer> {
    const names = (await readdir(file)).sort();
    for await (const chunk of create({ cwd: file, portable: true }, names)) {
      hash.update(chunk);
      bytes += chunk.length;
      onBytes?.(bytes);
      yield chunk;
    }
  }
  return {
    stream: Readable.from(all(), { objectMode: false }),
    digest: () => ({ bytes, sha256: hash.digest('hex') }),
  };
}

function notABackup(file: string, what: string, hint: string): UserError {
  return new UserError({
    code: 'NOT_A_BACKUP',
    message: `${basename(file)} is ${what}, which invctl does not restore from`,
    hint,
    file,
  });
}
