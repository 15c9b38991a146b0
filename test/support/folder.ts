import { createHash } from 'node:crypto';
import { lstat, mkdtemp, readdir, readFile, readlink, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { onTestFinished } from 'vitest';

/** A folder of this test alone, removed when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'invctl-test-')));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Everything below a folder by relative path: kind, mode, time of change and content. */
export async function snapshot(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const described = await Promise.all(
    entries.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      const { mode, mtimeMs } = await lstat(path);
      const content = entry.isDirectory()
        ? 'folder'
        : entry.isSymbolicLink()
          ? `link ${await readlink(path)}`
          : createHash('sha256')
              .update(await readFile(path))
              .digest('hex');
      // A folder's time changes with every temporary file in it.
      const time = entry.isDirectory() ? '' : ` ${mtimeMs}`;
      return [relative(folder, path), `${(mode & 0o7777).toString(8)} ${content}${time}`] as const;
    }),
  );
  return Object.fromEntries(described.sort(([a], [b]) => (a < b ? -1 : 1)));
}
