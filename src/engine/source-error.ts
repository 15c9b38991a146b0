import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

/** A place in the source that a compiler or an interpreter names in an error. */
export interface SourceError {
  /** Absolute path. */
  file: string;
  /** 1-based. */
  line: number;
  message: string;
}

/**
 * How other programs name a place, after the prefix that BuildKit may add (`#11 6.160 `): tsc `src/a.ts(7,5):
 * error TS2322: …` and `src/a.ts:7:5 - error …`; gcc, clang, go, esbuild `./a.go:7:5: …`; Node
 * `/app/src/a.js:7`; Python `File "a.py", line 7`.
 */
const PLACES = [
  /(?<file>[^\s"'()]+)\((?<line>\d+),\d+\): (?<message>error .*)$/,
  /(?<file>[^\s"'():]+):(?<line>\d+):\d+ - (?<message>error .*)$/,
  /(?<file>[^\s"'():]+):(?<line>\d+):\d+: (?<message>\S.*)$/,
  /^\s*File "(?<file>[^"]+)", line (?<line>\d+)/,
  /(?<file>\/[^\s"'():]+):(?<line>\d+)$/,
];

/** Returns the first place in a build's output that is a file of the build context. */
export function firstSourceError(lines: readonly string[], context: string): SourceError | undefined {
  for (const line of lines) {
    const text = stripVTControlCharacters(line)
      .replace(/^#\d+ \d+\.\d+ /, '')
      .trimEnd();
    for (const pattern of PLACES) {
      const { file, line: number, message } = pattern.exec(text)?.groups ?? {};
      const path = file === undefined ? undefined : pathIn(context, file);
      if (path !== undefined) return { file: path, line: Number(number), message: message ?? text.trim() };
    }
  }
  return undefined;
}

/**
 * Maps a path in the container to the context. The context's folder in the container is unknown, so it takes
 * the longest end of the path that is a file.
 */
function pathIn(context: string, file: string): string | undefined {
  const parts = file.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('node_modules')) return undefined;
  if (isFile(resolve(context, file))) return resolve(context, file);
  if (!file.startsWith('/')) return undefined;
  for (let from = 0; from < parts.length; from += 1) {
    const path = join(context, ...parts.slice(from));
    if (isFile(path)) return path;
  }
  return undefined;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
