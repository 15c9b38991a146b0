import { readFileSync } from 'node:fs';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { ExitCode, UserError } from '../errors.js';
import { SETTINGS_FILE } from './settings-path.js';

export interface SettingsDocument {
  value: unknown;
  /** Line of a key or a list item, or of the nearest existing one above it. */
  lineOf(path: readonly PropertyKey[]): number | undefined;
}

/**
 * Parses the text of invctl.yaml. Its errors do not quote the text, which may contain secrets by mistake.
 * @throws UserError CONFIG_INVALID (exit 4) with file and line.
 */
export function parseSettings(text: string, file: string): SettingsDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' });
  const [error] = document.errors;
  if (error) throw invalidSettings(file, error.message, lines.linePos(error.pos[0]).line);
  return {
    value: document.toJS() ?? {},
    lineOf(path) {
      let node: Node | null = document.contents;
      let place = node;
      for (const step of path) {
        if (isMap(node)) {
          const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
          if (!pair) break;
          place = pair.key as Node;
          node = pair.value as Node | null;
        } else if (isSeq(node)) {
          node = (node.items[Number(step)] as Node | undefined) ?? null;
          place = node ?? place;
        } else break;
      }
      return place?.range ? lines.linePos(place.range[0]).line : undefined;
    },
  };
}

/**
 * Returns the line of a key in the file on disk.
 * @throws UserError CONFIG_INVALID (exit 4)
 */
export function lineIn(file: string, path: readonly PropertyKey[]): number | undefined {
  return parseSettings(readFileSync(file, 'utf8'), file).lineOf(path);
}

export function invalidSettings(file: string, message: string, line: number | undefined): UserError {
  return new UserError({
    code: 'CONFIG_INVALID',
    message: `${SETTINGS_FILE} is not valid: ${message}`,
    file,
    ...(line === undefined ? {} : { line }),
    hint: `mend ${file}`,
    exitCode: ExitCode.projectInvalid,
  });
}
