import { readFileSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { explainFileError, writeFileAtomic } from '../system/files.js';
import type { Secret } from '../system/secret.js';

/**
 * Writes the file of a secret. Everybody may read it: such a file is mounted with its own mode, and a
 * container's user is another user on this machine. A folder that is made for it cannot be entered by other
 * users.
 * @throws UserError of {@link writeFileAtomic}
 */
export async function writeSecretFile(file: string, value: Secret, mode = 0o444): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 }).catch((error) => {
    throw explainFileError(error, file);
  });
  await writeFileAtomic(file, value.reveal(), mode);
}

/** Returns a secret's text without its final newlines; undefined if it is not a readable file. */
export function readSecretFile(file: string): string | undefined {
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return undefined;
  try {
    return readFileSync(file, 'utf8').replace(/\n+$/, '');
  } catch {
    return undefined;
  }
}

/**
 * Returns the password that a server gets from a secret with this text when its data folder is made: the
 * image's entrypoint removes line feeds at the end (`$(< file)`), and `initdb --pwfile` also carriage returns
 * (pg_strip_crlf).
 */
export function serverPassword(text: string): string {
  return text.replace(/[\r\n]+$/, '');
}

/**
 * Returns a description of bytes that readers treat differently, such as `has a carriage return (CR)`;
 * undefined if there are none. A final newline is not one of them, because every reader of secrets strips it.
 * In a text of several lines (a key, a certificate, a settings file) such bytes belong to the format.
 */
export function doubtfulBytes(text: string): string | undefined {
  if (text.trim() === '' || text.trim().split(/\r?\n/).length > 1) return undefined;
  if (text.startsWith('\uFEFF')) return 'begins with a byte order mark (BOM)';
  if (text.includes('\r')) return 'has a carriage return (CR)';
  if (text.includes('\0')) return 'has a NUL byte';
  const line = text.replace(/\n+$/, '');
  if (line !== line.trim()) return 'begins or ends with spaces';
  return undefined;
}
