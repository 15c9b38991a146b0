import { readFileSync } from 'node:fs';
import { interpolateTree } from './interpolate-tree.js';
import { invalidProject } from './invalid.js';
import { isRemoteFile } from './paths.js';
import { type ProjectEnvironment, warnOfUnset } from './project-environment.js';
import type { Warn } from './project-notes.js';
import { type ComposeDocument, readYaml } from './read-yaml.js';
import { mapAt, type Position, type TreeMap } from './tree.js';

/** Input of loading, and the receiver of its notes. */
export interface LoadContext {
  environment: ProjectEnvironment;
  warn: Warn;
  /** Called with each `.env` file that an `include` reads. */
  readsEnvFile(file: string): void;
  /** Texts that replace those of files, by absolute path. */
  texts?: ReadonlyMap<string, string>;
}

/**
 * Reads the documents of a compose file without resolving `${…}`.
 * @param askedBy the `include` or `extends` that names the file
 * @throws UserError COMPOSE_FILE_UNREADABLE, COMPOSE_REMOTE, COMPOSE_SYNTAX, DUPLICATE_KEY
 */
export function readComposeFile(
  file: string,
  { texts }: Pick<LoadContext, 'texts'>,
  askedBy?: Position,
): ComposeDocument[] {
  let text: string;
  try {
    text = texts?.get(file) ?? readFileSync(file, 'utf8');
  } catch (error) {
    throw invalidProject(
      'COMPOSE_FILE_UNREADABLE',
      `the compose file ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      askedBy ?? { file, line: 1 },
    );
  }
  return readYaml(text, file);
}

/** Returns a document with its `${…}` resolved. */
export function interpolateDocument(document: ComposeDocument, { environment, warn }: LoadContext): TreeMap {
  return interpolateTree(document.tree, {
    lookup: environment.lookup,
    unset: (name, file) => warnOfUnset(warn, { name, file }),
    warn,
  });
}

/** Removes from earlier files what `!reset` and `!override` in a later one clear. */
export function clear(tree: TreeMap, paths: readonly string[][]): void {
  for (const path of paths) mapAt(tree, ...path.slice(0, -1))?.entries.delete(path.at(-1) as string);
}

/** @throws UserError COMPOSE_REMOTE */
export function refuseRemote(path: string, at: Position): void {
  if (!isRemoteFile(path)) return;
  throw invalidProject(
    'COMPOSE_REMOTE',
    `${path} is fetched from elsewhere, which only the Docker engine's Compose can do`,
    at,
    'use the docker engine, or keep a copy beside the project',
  );
}
