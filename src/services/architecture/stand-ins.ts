import { readFileSync } from 'node:fs';
import { ExitCode, hasErrorCode, UserError } from '../../errors.js';
import { interpolate, TemplateError } from '../../project/interpolate.js';
import type { LoadedProject } from '../../project/loaded-project.js';
import type { TreeNode } from '../../project/tree.js';

/**
 * Values for a variable that nothing sets, tried in order until one is accepted: its own name, so that a
 * reader sees where it is used; its name as a relative path; the empty string; a number; a boolean.
 */
const STAND_INS: readonly ((name: string) => string | undefined)[] = [
  (name) => `\${${name}}`,
  (name) => `./\${${name}}`,
  () => undefined,
  () => '1',
  () => 'true',
];

/** Stand-ins for the variables of a project's files that have neither a value nor a default. */
export class StandIns {
  readonly #isSet: (name: string) => boolean;
  /** Index of the stand-in that each name has now. */
  readonly #levels = new Map<string, number>();
  readonly #scanned = new Set<string>();

  constructor(files: readonly string[], isSet: (name: string) => boolean) {
    this.#isSet = isSet;
    for (const file of files) this.#scan(file);
  }

  names(): string[] {
    return [...this.#levels.keys()].sort();
  }

  /**
   * Reads the project until no stand-in is refused and no further file has an unset variable.
   * @throws UserError what `read` throws for another reason
   */
  read<T extends { loaded: LoadedProject }>(read: (env: NodeJS.ProcessEnv) => T): T {
    for (;;) {
      const known = this.#levels.size;
      try {
        const result = read(this.#environment());
        // Included and extended files are known only after they were read.
        for (const file of filesOf(result.loaded.tree)) this.#scan(file);
        if (this.#levels.size === known) return result;
      } catch (error) {
        if (!(error instanceof UserError) || error.exitCode !== ExitCode.projectInvalid) throw error;
        if (error.file !== undefined) this.#scan(error.file);
        if (this.#levels.size === known && !this.#giveWay(error)) throw error;
      }
    }
  }

  #environment(): NodeJS.ProcessEnv {
    const entries = [...this.#levels].map(([name, level]) => [name, STAND_INS[level]?.(name)] as const);
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  }

  #scan(file: string): void {
    if (this.#scanned.has(file)) return;
    this.#scanned.add(file);
    for (const line of linesOf(file)) {
      for (const name of openNames(line)) {
        if (!this.#isSet(name) && !this.#levels.has(name)) this.#levels.set(name, 0);
      }
    }
  }

  /**
   * Gives the variables of the refused line their next stand-in, or those of all lines when that line has
   * none left.
   */
  #giveWay({ file, line }: UserError): boolean {
    const text = file === undefined || line === undefined ? '' : (linesOf(file)[line - 1] ?? '');
    const onLine = openNames(text).filter((name) => this.#hasNext(name));
    const names = onLine.length > 0 ? onLine : this.names().filter((name) => this.#levels.get(name) === 0);
    for (const name of names) this.#levels.set(name, (this.#levels.get(name) ?? 0) + 1);
    return names.length > 0;
  }

  #hasNext(name: string): boolean {
    const level = this.#levels.get(name);
    return level !== undefined && level < STAND_INS.length - 1;
  }
}

/** Variables that a line uses without a default, or requires. */
function openNames(line: string): string[] {
  if (!line.includes('$') || /^\s*#/.test(line)) return [];
  try {
    const names = interpolate(line, () => 'x').references.map(({ name }) => name);
    return [...new Set(names)].filter((name) => isOpen(line, name));
  } catch (error) {
    if (error instanceof TemplateError) return [];
    throw error;
  }
}

function isOpen(line: string, name: string): boolean {
  try {
    return interpolate(line, (one) => (one === name ? undefined : 'x')).unset.includes(name);
  } catch (error) {
    if (error instanceof TemplateError) return true;
    throw error;
  }
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch (error) {
    // Reading the project reports a file that cannot be read.
    if (hasErrorCode(error, 'ENOENT', 'EISDIR', 'EACCES', 'ENOTDIR')) return [];
    throw error;
  }
}

/** Files that a project's tree was read from. */
function filesOf(node: TreeNode, files = new Set<string>()): Set<string> {
  files.add(node.at.file);
  if (node.kind === 'map') for (const entry of node.entries.values()) filesOf(entry, files);
  if (node.kind === 'list') for (const item of node.items) filesOf(item, files);
  return files;
}
