import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PACKAGE_FOLDER } from '../system/package-folder.js';

/**
 * Replaces the bundle's files and lines in a stack trace by those of the sources. Maps are read only after a
 * failure: Node's own `--enable-source-maps` reads every map when its file is loaded.
 */
export function sourceStack(stack: string): string {
  return stack.replace(
    /(file:\/\/[^\s()]+\.js):(\d+):(\d+)/g,
    (place, url: string, line: string, column: string) =>
      sourcePlace(fileURLToPath(url), Number(line), Number(column)) ?? place,
  );
}

/** Converts a place; lines and columns count from 1, those of a map from 0. Undefined without a map. */
function sourcePlace(file: string, line: number, column: number): string | undefined {
  try {
    const payload: SourceMapPayload = JSON.parse(readFileSync(`${file}.map`, 'utf8'));
    const entry = new SourceMap(payload).findEntry(line - 1, column - 1);
    if (!('originalSource' in entry)) return undefined;
    const source = relative(PACKAGE_FOLDER, resolve(dirname(file), entry.originalSource));
    return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  } catch {
    return undefined;
  }
}
