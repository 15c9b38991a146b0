import { createHash } from 'node:crypto';
import { z } from 'zod';
import { ExitCode, UserError } from '../errors.js';
import { type ScaffoldAdditions, scaffoldAdditions } from './additions.js';
import { scaffoldPath, type Template } from './manifest.js';
import { type ScaffoldOptions, scaffoldOptions } from './options.js';
import type { ScaffoldFile } from './scaffold.js';

export const LOCK_PATH = '.invctl/lock.json';

const lockSchema = z.object({
  lockVersion: z.literal(1),
  template: z.object({ name: z.string(), version: z.string() }),
  options: scaffoldOptions,
  /** Absent if nothing was added, or if an older invctl wrote the lock. */
  additions: scaffoldAdditions.optional(),
  /** SHA-256, in hex, of each rendered file that the template owns. */
  files: z.record(scaffoldPath, z.string().regex(/^[0-9a-f]{64}$/)),
  /**
   * Migrations of the template that were renumbered here: the template's path, and the path in the project.
   */
  renumbered: z.record(scaffoldPath, scaffoldPath).optional(),
});

/**
 * Records what a scaffold was made from: a later invctl can render the same files again and find the edits
 * since then.
 */
export type ScaffoldLock = z.infer<typeof lockSchema>;

export function createLock(
  template: Template,
  options: ScaffoldOptions,
  files: readonly ScaffoldFile[],
  renumbered: ScaffoldLock['renumbered'] = {},
  additions: ScaffoldAdditions = {},
): ScaffoldLock {
  return {
    lockVersion: 1,
    template: { name: template.manifest.name, version: template.version },
    options,
    ...(Object.keys(additions).length > 0 ? { additions } : {}),
    files: Object.fromEntries(
      files.flatMap((file) => (file.policy === 'owned' ? [[file.path, sha256(file.content)]] : [])),
    ),
    ...(Object.keys(renumbered).length > 0 ? { renumbered } : {}),
  };
}

export function formatLock(lock: ScaffoldLock): string {
  return `${JSON.stringify(lock, undefined, 2)}\n`;
}

/** @throws UserError LOCK_INVALID (exit 4) */
export function parseLock(text: string, file: string): ScaffoldLock {
  let problem: string;
  try {
    const parsed = lockSchema.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
    problem = z.prettifyError(parsed.error);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    problem = error.message;
  }
  throw new UserError({
    code: 'LOCK_INVALID',
    message: `${file} is not what invctl wrote: ${problem}`,
    hint: `git checkout -- ${LOCK_PATH}      (or remove it, and give the options again: invctl init --force …)`,
    exitCode: ExitCode.projectInvalid,
    file,
  });
}

export function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
