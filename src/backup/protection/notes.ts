import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { hasErrorCode } from '../../errors.js';
import { explainReadError, writeFileAtomic } from '../../system/files.js';

/** The copies are written every few seconds; without a word for so long, nobody writes them. */
const SILENCE_MS = 60_000;

const copySchema = z.object({
  /** ISO time. */
  at: z.iso.datetime(),
  /** Where copies go. */
  address: z.string(),
  /** ISO time until when all that was committed is there; null: nothing is yet. */
  covered: z.iso.datetime().nullable(),
  /** Why the last round failed; null: it did not. */
  failure: z.string().nullable(),
  /** True: whoever wrote it goes on. */
  follows: z.boolean(),
});

const drillSchema = z.object({
  /** ISO time of its end. */
  at: z.iso.datetime(),
  seconds: z.number(),
  /** Name of the base that it was made of; null: it did not come so far. */
  base: z.string().nullable(),
  /** Rows that were counted in what was brought back. */
  rows: z.int(),
  /** Why nothing could be brought back; null: it could. */
  failure: z.string().nullable(),
});

/** What whoever ships the place last said of itself. */
export type CopyNote = z.infer<typeof copySchema>;
/** How the last `db verify --to` went. */
export type DrillNote = z.infer<typeof drillSchema>;

export async function writeCopyNote(place: string, note: CopyNote): Promise<void> {
  await writeNote(place, 'copy', note);
}

/** Undefined: nothing was ever shipped. */
export async function readCopyNote(place: string): Promise<CopyNote | undefined> {
  return readNote(place, 'copy', copySchema);
}

export async function writeDrillNote(place: string, note: DrillNote): Promise<void> {
  await writeNote(place, 'drill', note);
}

/** Undefined: there was none. */
export async function readDrillNote(place: string): Promise<DrillNote | undefined> {
  return readNote(place, 'drill', drillSchema);
}

/** What is wrong with the copies of a place; empty where nothing is. */
export function copyMessage(note: CopyNote | undefined, now = new Date()): string {
  if (!note) return 'base backups and WAL are not copied yet: invctl db copy --follow';
  if (note.failure !== null) return `base backups and WAL are not copied: ${note.failure}`;
  if (!note.follows || now.getTime() - Date.parse(note.at) > SILENCE_MS) {
    return 'nobody copies base backups and WAL: invctl db copy --follow      (by itself: invctl db schedule --install)';
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
