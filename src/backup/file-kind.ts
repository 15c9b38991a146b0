import { Parser } from 'tar';

/** Format of a packed file. */
export type Compression = 'gzip' | 'zstd' | 'xz' | 'bzip2' | 'lz4';

export type FileKind =
  | Compression
  | 'empty'
  /** Output of pg_dump --format=custom. */
  | 'custom'
  | 'tar'
  | 'age'
  | 'pgp'
  | 'zip'
  | '7z'
  | 'rar'
  | 'sqlite'
  | 'html'
  /** Any other file, SQL included. */
  | 'text';

/** First bytes of a file that age encrypted: https://age-encryption.org/v1 */
export const AGE_MAGIC = 'age-encryption.org/v1\n';

/** First bytes of each kind, from the formats' own specifications; one character per byte. */
const MAGIC: readonly (readonly [FileKind, string])[] = [
  ['custom', 'PGDMP'],
  ['age', AGE_MAGIC],
  ['gzip', '\x1f\x8b'],
  ['zstd', '\x28\xb5\x2f\xfd'],
  ['xz', '\xfd7zXZ\0'],
  ['bzip2', 'BZh'],
  ['lz4', '\x04\x22\x4d\x18'],
  ['zip', 'PK\x03\x04'],
  ['zip', 'PK\x05\x06'],
  ['7z', '7z\xbc\xaf\x27\x1c'],
  ['rar', 'Rar!\x1a\x07'],
  ['sqlite', 'SQLite format 3\0'],
  ['pgp', '-----BEGIN PGP MESSAGE'],
];
const TAR_MAGIC = { at: 257, text: 'ustar' };

/** @param start the first bytes of a file; 512 are enough. */
export function fileKind(start: Buffer): FileKind {
  if (start.length === 0) return 'empty';
  const text = start.toString('latin1', 0, 512);
  const magic = MAGIC.find(([, bytes]) => text.startsWith(bytes));
  if (magic) return magic[0];
  if (text.startsWith(TAR_MAGIC.text, TAR_MAGIC.at)) return 'tar';
  return /^\s*<(?:!doctype html|html)/i.test(text) ? 'html' : 'text';
}

export function isPacking(kind: FileKind): kind is Compression {
  return ['gzip', 'zstd', 'xz', 'bzip2', 'lz4'].includes(kind);
}

/** Content of a tar file or a folder: an archive of pg_dump, a PostgreSQL's data, or something else. */
export type FolderKind = 'dump' | 'dump in a folder' | 'data folder' | 'other';

/** @param names of the known entries, with `/` between folder and file. */
export function folderKind(names: readonly string[]): FolderKind {
  const paths = names.map((name) => name.replace(/^\.\//, ''));
  if (paths.includes('toc.dat')) return 'dump';
  if (paths.some((path) => /^[^/]+\/toc\.dat$/.test(path))) return 'dump in a folder';
  const data = /^(?:[^/]+\/){0,2}(?:PG_VERSION|backup_label|global\/pg_control)$/;
  return paths.some((path) => data.test(path)) ? 'data folder' : 'other';
}

/**
 * Returns the names of the first entries of a tar file.
 * @param start the available bytes of its beginning.
 */
export function tarEntries(start: Buffer): string[] {
  const names: string[] = [];
  const parser = new Parser({
    onReadEntry: (entry) => {
      names.push(entry.path);
      entry.resume();
    },
  });
  parser.write(start);
  return names;
}
