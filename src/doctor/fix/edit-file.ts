import { readFile, stat } from 'node:fs/promises';
import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff';
import { hasErrorCode } from '../../errors.js';
import { writeFileAtomic } from '../../system/files.js';
import { redact } from '../../system/secret.js';
import type { FixStep } from '../check.js';
import type { Facts } from '../facts.js';

export interface FileEdit {
  /** Absolute. */
  file: string;
  summary: string;
  /** The new text; undefined where this text is not what the edit is for. */
  change(text: string): string | undefined;
  /** Permission bits of a new file. */
  mode?: number;
}

/** A step that edits a text file, with its diff. None where there is nothing to change. */
export async function editFile(facts: Facts, edit: FileEdit): Promise<FixStep[]> {
  const before = await readText(edit.file);
  const after = edit.change(before.text);
  if (after === undefined || after === before.text) return [];
  return [
    {
      summary: edit.summary,
      diff: fileDiff(facts, edit.file, before.text, after),
      async apply() {
        // Other steps may have edited the file since.
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

function fileDiff(facts: Facts, file: string, before: string, after: string): string {
  const name = facts.shown(file);
  const patch = createTwoFilesPatch(`a/${name}`, `b/${name}`, before, after, undefined, undefined, {
    context: 2,
    headerOptions: FILE_HEADERS_ONLY,
  });
  // Line by line: a name at the end of one line and a value on the next are no credential.
  return patch
    .trimEnd()
    .split('\n')
    .map((line) => facts.mask(redact(line)))
    .join('\n');
}
