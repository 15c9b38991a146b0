import { type Dirent, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, isAbsolute, join, relative } from 'node:path';
import type { ExportSource } from './source.js';

/** A file of the project that an orchestrator keeps as an object of its own. */
export interface CarriedFile {
  path: string;
  /** Name without its folder. */
  name: string;
  content: Buffer;
}

/** What the orchestrator's kind of object holds. */
export interface CarriedLimits {
  /** `a ConfigMap` */
  holder: string;
  bytes: number;
  files: number;
}

/**
 * Returns the files of a bind mount that can come along, or why none can: only small files of the project that
 * the service does not write to, without a secret in them.
 *
 * @param path absolute path of the file or the folder
 */
export function carriedFiles(
  source: ExportSource,
  path: string,
  readOnly: boolean,
  { holder, bytes, files: most }: CarriedLimits,
): CarriedFile[] | string {
  const inside = relative(source.project.directory, path);
  if (inside.startsWith('..') || isAbsolute(inside)) return 'it is not in the project';
  if (!readOnly) return 'it is of this machine. Use a named volume for what the service writes';
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return 'it is not there';
  const paths = found.isDirectory() ? flatFolder(path) : found.isFile() ? [path] : undefined;
  if (!paths) return `${holder} has no folders in it. Copy it into the image`;
  if (paths.length > most) return `its ${paths.length} files are more than ${most}. Copy it into the image`;
  const total = paths.reduce((sum, file) => sum + statSync(file).size, 0);
  if (total > bytes) return `its ${total} bytes are more than ${holder} holds. Copy it into the image`;
  const carried = paths.map((file) => ({ path: file, name: basename(file), content: readFileSync(file) }));
  return carried.some(({ content }) => bytesHoldSecret(source, content))
    ? 'a secret is in it. Make it a secret of the compose file'
    : carried;
}

/** Whether a file contains a secret, whatever its encoding. */
export function bytesHoldSecret({ secrets }: ExportSource, content: Buffer): boolean {
  return secrets.some((secret) => content.includes(Buffer.from(secret, 'utf8')));
}

/** The characters that names of ConfigMap keys and of Swarm configs may have. */
export function plainName(file: string): string {
  return file.replaceAll(/[^-._a-zA-Z0-9]/g, '_');
}

/** Returns the files of a folder that contains only files; undefined for any other folder. */
function flatFolder(folder: string): string[] | undefined {
  const entries = readdirSync(folder, { withFileTypes: true });
  if (!entries.every((entry: Dirent) => entry.isFile() && plainName(entry.name) === entry.name))
    return undefined;
  return entries.map(({ name }) => join(folder, name)).sort();
}
