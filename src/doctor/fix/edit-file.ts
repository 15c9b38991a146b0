import { readFile, stat } from 'node:fs/promises';
import { hasErrorCode } from '../../errors.js';
import { fileDiff } from '../../project/file-diff.js';
import { writeFileAtomic } from '../../system/files.js';
import type { FixStep } from '../check.js';
import type { Facts } from '../facts.js';

export interface FileEdit {
  /** Absolute. */
  file: string;
  summary: string;
  /** The new text; undefined when the edit does not fit this text. */
  change(text: string): string | undefined;
  /** Permission bits of a new file. */
  mode?: number;
}

/** A step that edits or makes a text file, with its diff. Empty when nothing changes. */
export async function editFile(facts: Facts, edit: FileEdit): Promise<FixStep[]> {
  const before = await readText(edit.file);
  const after = edit.change(before.text);
  if (after === undefined || (after === before.text && before.mode !== undefined)) return [];
  return [
    {
      summary: edit.summary,
      diff: fileDiff(facts.shown(edit.file), before, { text: after }, facts.mask),
      async apply() {
        // Another step may have edited the file since.
        const now = await readText(edit.file);
        const text = edit.change(now.text);
        if (text !== undefined) await writeFileAtomic(edit.file, text, now.mode ?? edit.mode);
      },
    },
  ];
}

async function readText(file: string): Promise<{ text: string; mode?: number }> {
  try {
    const [text, { mode }] = await Promise.all([readFile(file, 'utf8'), stat(file)]);
    return { text, mode: mode & 0o777 };
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return { text: '' };
    throw error;
  }
}
