import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { hasErrorCode } from '../../errors.js';
import { explainReadError, writeFileAtomic } from '../../system/files.js';

/**
 * In milliseconds. Copies are written every few seconds; if the note is older than this, nobody writes them.
 */
const SILENCE_MS = 60_000;

const copySchema = z.object({
  /** ISO time. */
  at: z.iso.datetime(),
  /** Address of the copies. */
  address: z.string(),
  /** ISO time until which all commits are copied; null: none is yet. */
  covered: z.iso.datetime().nullable(),
  /** Why the last round failed; null: it succeeded. */
  failure: z.string().nullable(),
  /** True: the process that wrote the note continues. */
  follows: z.boolean(),
});

const drillSchema = z.object({
  /** ISO time of its end. */
  at: z.iso.datetime(),
  seconds: z.number(),
  /** Name of the base that was restored; null: the drill failed before that. */
  base: z.string().nullable(),
  /** Number of rows in the restored database. */
  rows: z.int(),
  /** Why the restore failed; null: it succeeded. */
  failure: z.string().nullable(),
});

/** The last note of the process that copies the place. */
export type CopyNote = z.infer<typeof copySchema>;
/** The result of the last `db verify --to`. */
export type DrillNote = z.infer<typeof drillSchema>;

export async function writeCopyNote(place: string, note: CopyNote): Promise<void> {
  await writeNote(place, 'copy', note);
}

/** Returns undefined if nothing was ever copied. */
export async function readCopyNote(place: string): Promise<CopyNote | undefined> {
  return readNote(place, 'copy', copySchema);
}

export async function writeDrillNote(place: string, note: DrillNote): Promise<void> {
  await writeNote(place, 'drill', note);
}

/** Returns undefined if there was no drill. */
export async function readDrillNote(place: string): Promise<DrillNote | undefined> {
  return readNote(place, 'drill', drillSchema);
}

/** Returns the problem with the copies of a place; empty if there is none. */
export function copyMessage(note: CopyNote | undefined, now = new Date()): string {
  const next = 'invctl db schedule --install      (by hand: invctl db copy --follow)';
  if (!note) return `base backups and WAL are not copied yet: ${next}`;
  if (note.failure !== null) return `base backups and WAL are not copied: ${note.failure}`;
  if (!note.follows || now.getTime() - Date.parse(note.at) > SILENCE_MS) {
    return `nobody copies base backups and WAL: ${next}`;
  }
  return '';
}

async function writeNote(place: string, name: string, note: object): Promise<void> {
  await writeFileAtomic(join(place, 'state', `${name}.json`), `${JSON.stringify(note)}\n`, 0o600);
}

async function readNote<T>(place: string, name: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const file = join(place, 'state', `${name}.json`);
  try {
    return schema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return undefined;
    throw explainReadError(error, file);
  }
}
