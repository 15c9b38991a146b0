import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, posix } from 'node:path';
import { mapAt, type Position, plain } from '../../project/tree.js';
import { plainName } from '../carried-files.js';
import { type ExportSource, holdsSecret, keysOf, type Losses } from '../source.js';
import type { Json } from './json.js';
import { type ServiceNames, scrapedByTask, serviceNames } from './scrape-targets.js';

/** A file beside the stack file. */
export interface ConfigFile {
  /** Relative to the stack file. */
  path: string;
  content: string;
}

/** Longest name that Swarm takes. */
const LONGEST_NAME = 64;

/** Files that are written beside the stack file, in place of those that mean something else in a Swarm. */
export class WrittenConfigs {
  readonly files: ConfigFile[] = [];
  readonly #names: ServiceNames;
  readonly #losses: Losses;
  readonly #folder: string;

  constructor(source: ExportSource, losses: Losses, folder: string) {
    this.#names = serviceNames(source);
    this.#losses = losses;
    this.#folder = folder;
  }

  /** @returns its path, relative to the stack file */
  add(key: string, content: string): string {
    const path = posix.join(this.#folder, key);
    this.files.push({ path, content });
    return `./${path}`;
  }

  /**
   * Returns a content as a Swarm has to have it, if that is another one.
   * @param first where its first line is
   */
  translated(first: Position, content: Buffer): string | undefined {
    const scraped = scrapedByTask(content.toString('utf8'), this.#names);
    for (const { kind, line, message } of scraped?.changes ?? []) {
      const at = { at: { file: first.file, line: first.line + line - 1 } };
      if (kind === 'left') this.#losses.lost('scrape_configs', at, message);
      else this.#losses.changed('scrape_configs', at, message);
    }
    return scraped?.text;
  }
}

/** Configs of files that services mount. Their names depend on the content, as those of the compose file do. */
export class CarriedConfigs {
  readonly written: Json = {};
  readonly #project: string;
  readonly #beside: WrittenConfigs;
  readonly #keys = new Map<string, string>();

  constructor(project: string, beside: WrittenConfigs) {
    this.#project = project;
    this.#beside = beside;
  }

  /** @returns the key of the config */
  add(path: string, content: Buffer): string {
    const known = this.#keys.get(path);
    if (known !== undefined) return known;
    const translated = this.#beside.translated({ file: path, line: 1 }, content);
    const key = `${plainName(basename(path))}_${digest(translated ?? content)}`;
    const name = `${this.#project}_${key}`.slice(-LONGEST_NAME).replace(/^[-._]+/, '');
    const file = translated === undefined ? path : this.#beside.add(key, translated);
    this.written[key] = { file, name };
    this.#keys.set(path, key);
    return key;
  }
}

/**
 * Returns the configs of the services; their names depend on their content, because Swarm never changes a
 * config: an edited one must be a new one. An inline config of the compose file becomes a file.
 */
export function exportedConfigs(source: ExportSource, losses: Losses, beside: WrittenConfigs): Json {
  const { loaded } = source;
  const written: Json = {};
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
      const text = beside.translated(node.at, Buffer.from(inline)) ?? inline;
      const file = beside.add(key, text);
      written[key] = { file, name: `${name}_${digest(text)}` };
      losses.changed(
        `configs.${key}`,
        node,
        `Swarm takes configs from files alone: it is written to ${file}`,
      );
    } else if (typeof config.file === 'string') {
      if (existsSync(config.file) && statSync(config.file).isFile()) {
        const content = readFileSync(config.file);
        const translated = beside.translated({ file: config.file, line: 1 }, content);
        const file = translated === undefined ? config.file : beside.add(key, translated);
        written[key] = { file, name: `${name}_${digest(translated ?? content)}` };
      } else {
        written[key] = { file: config.file, name };
        losses.lost(`configs.${key}`, node, `the file ${config.file} is not there`);
      }
    } else {
      losses.lost(`configs.${key}`, node, 'it has neither a file nor a content');
    }
  }
  return written;
}

function digest(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 8);
}
