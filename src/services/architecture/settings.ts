import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { Setting } from '../../architecture/stack.js';
import { parseEnvFile } from '../../project/env-file.js';
import { isSecretName, Secret } from '../../system/secret.js';

const OPTIONAL = /^#\s?([A-Z][A-Z0-9_]*)=(.*)$/;

/**
 * The settings of an env file, or of its example, each with the comment above it. A line like `# NAME=value`
 * is an optional setting.
 */
export function settingsOfEnvFile(file: string, mask: (text: string) => string): Setting[] {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const values = new Map<string, string>();
  try {
    for (const { name, value } of parseEnvFile(text, () => undefined).entries) values.set(name, value);
  } catch {
    // The doctor reports a file that cannot be parsed.
    return [];
  }
  const settings: Setting[] = [];
  let comment: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    const optional = OPTIONAL.exec(line);
    const name = optional?.[1] ?? /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*[=:]/.exec(line)?.[1];
    if (name !== undefined && (optional || values.has(name))) {
      const value = optional?.[2]?.trim() ?? values.get(name) ?? '';
      settings.push({
        name,
        value: isSecretName(name) && value !== '' ? new Secret(value) : mask(value),
        optional: optional !== null,
        comment: mask(comment.join(' ')),
      });
      comment = [];
    } else if (line.startsWith('#')) comment.push(line.replace(/^#+\s?/, ''));
    else comment = [];
  }
  return settings;
}

const SOURCE_FILE = /\.(?:[cm]?[jt]sx?|py|rb|go|rs|java|kt|cs|php|exs?|sh|toml|ya?ml|json)$/;
const PASSED_OVER =
  /^(?:node_modules|\.git|\.venv|venv|dist|build|vendor|target|coverage|tests?|__tests__|spec|docs|migrations|bench)$|^\./;
const MOST_FILES = 2000;
const LARGEST_BYTES = 262_144;
const DEEPEST = 8;

/**
 * Files of a service's source that contain the secret's name as a string, relative to the build context,
 * sorted.
 */
export function filesNaming(secret: string, context: string): string[] {
  if (!isAbsolute(context) || !existsSync(context)) return [];
  const named = new RegExp(`["'\`/]${secret.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}["'\`]`, 'i');
  return sourceFiles(context).filter((path) => named.test(readFileSync(join(context, path), 'utf8')));
}

/**
 * The file of a service's source that names the most of its variables, at least two; relative to the context.
 */
export function settingsFile(variables: readonly string[], context: string): string | undefined {
  if (variables.length < 2 || !isAbsolute(context) || !existsSync(context)) return undefined;
  let best: { path: string; names: number } | undefined;
  for (const path of sourceFiles(context)) {
    const words = new Set(readFileSync(join(context, path), 'utf8').match(/[A-Za-z_]\w*/g));
    const names = variables.filter((name) => words.has(name)).length;
    if (names > (best?.names ?? 1)) best = { path, names };
  }
  return best?.path;
}

function sourceFiles(context: string): string[] {
  const found: string[] = [];
  const visit = (folder: string, depth: number) => {
    const entries = readdirSync(join(context, folder), { withFileTypes: true }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    );
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (found.length >= MOST_FILES) return;
      if (entry.isDirectory() && depth < DEEPEST && !PASSED_OVER.test(entry.name)) visit(path, depth + 1);
      if (!entry.isFile() || !SOURCE_FILE.test(entry.name) || /[._](?:test|spec)\./.test(entry.name))
        continue;
      if (statSync(join(context, path)).size <= LARGEST_BYTES) found.push(path);
    }
  };
  visit('', 0);
  return found;
}
