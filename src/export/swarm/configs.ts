import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, posix } from 'node:path';
import { mapAt, plain } from '../../project/tree.js';
import { plainName } from '../carried-files.js';
import { type ExportSource, holdsSecret, keysOf, type Losses } from '../source.js';
import type { Json } from './json.js';

/** A file beside the stack file. */
export interface ConfigFile {
  /** Relative to the stack file. */
  path: string;
  content: string;
}

/** Longest name that Swarm takes. */
const LONGEST_NAME = 64;

/** Configs of files that services mount. Their names depend on the content, as those of the compose file do. */
export class CarriedConfigs {
  readonly written: Json = {};
  readonly #project: string;

  constructor(project: string) {
    this.#project = project;
  }

  /** @returns the key of the config */
  add(path: string, content: Buffer): string {
    const key = `${plainName(basename(path))}_${digest(content)}`;
    const name = `${this.#project}_${key}`.slice(-LONGEST_NAME).replace(/^[-._]+/, '');
    this.written[key] = { file: path, name };
    return key;
  }
}

/**
 * Returns the configs of the services; their names depend on their content, because Swarm never changes a
 * config: an edited one must be a new one. An inline config of the compose file becomes a file.
 */
export function exportedConfigs(
  source: ExportSource,
  losses: Losses,
  folder: string,
): { written: Json; files: ConfigFile[] } {
  const { loaded } = source;
  const written: Json = {};
  const files: ConfigFile[] = [];
  for (const [key, node] of keysOf(mapAt(loaded.tree, 'configs'))) {
    const config = plain(node) as Json;
    const name = String(config.name ?? key);
    if (config.external === true) {
      written[key] = { external: true, name };
      continue;
    }
    const inline = config.content ?? loaded.environment.lookup(String(config.environment ?? ''));
    if (typeof inline === 'string' && holdsSecret(source, inline)) {
      written[key] = { external: true, name };
      losses.lost(
        `configs.${key}`,
        node,
        `a secret is in it. Create it yourself: docker config create ${name} FILE`,
      );
    } else if (typeof inline === 'string') {
      const path = posix.join(folder, key);
      files.push({ path, content: inline });
      written[key] = { file: `./${path}`, name: `${name}_${digest(inline)}` };
      losses.changed(
        `configs.${key}`,
        node,
        `Swarm takes configs from files alone: it is written to ${path}`,
      );
    } else if (typeof config.file === 'string') {
      const there = existsSync(config.file) && statSync(config.file).isFile();
      written[key] = {
        file: config.file,
        name: there ? `${name}_${digest(readFileSync(config.file))}` : name,
      };
      if (!there) losses.lost(`configs.${key}`, node, `the file ${config.file} is not there`);
    } else {
      losses.lost(`configs.${key}`, node, 'it has neither a file nor a content');
    }
  }
  return { written, files };
}

function digest(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 8);
}
