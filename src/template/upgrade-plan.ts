import { readdir } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { Secret } from '../system/secret.js';
import { renderAdditions } from './additions.js';
import { BASE_PATH, baseOf, formatBase, parseBase, type ScaffoldBase, sameBase } from './base.js';
import { compareFile } from './compare.js';
import { type FileHere, fileHere, fileNames } from './file-here.js';
import { createLock, formatLock, LOCK_PATH, type ScaffoldLock, sha256 } from './lock.js';
import type { Template } from './manifest.js';
import { placed, renumberMigrations } from './migration-numbers.js';
import { renderScaffold, type ScaffoldFile } from './scaffold.js';
import { inUnixLineEnds, type Labels } from './three-way.js';
import { type ConflictKind, type Decision, decide, type Earlier, type KeptReason } from './upgrade-file.js';

/** A file of the project before and after an upgrade. */
export interface FileChange {
  /** Relative to the project, links resolved. */
  path: string;
  /** Undefined: the file does not exist. */
  before?: { content: Buffer; mode: number };
  /** Undefined: the file is removed. */
  after?: { content: Buffer; mode: number };
}

export interface PlannedFile {
  path: string;
  /** Its earlier path, or its path in the template. */
  from?: string;
  status: 'created' | 'updated' | 'merged' | 'removed' | 'conflict' | 'kept';
  /** For a conflict: its kind. */
  kind?: ConflictKind;
  /** For a conflict between markers: the lines at which they begin, from 1. */
  lines?: number[];
  /** For a conflict: the original text of the scaffold is unknown, so every difference is a conflict. */
  baseUnknown?: boolean;
  /** For a file that is kept: why. */
  reason?: KeptReason;
  /** Keys or lines that an env or ignore file gets. */
  added?: string[];
  /** Both texts, if they may be shown. */
  texts?: { before: string; after: string };
  /** The template's content, if it could not be merged into the file. */
  theirs?: Buffer;
  changes: FileChange[];
}

export interface TemplatePlan {
  files: PlannedFile[];
  /** The new record of what the scaffold is made from. */
  records: FileChange[];
  /** Paths of new migrations in this project. */
  migrations: string[];
}

export interface UpgradeSources {
  /** Real path of the project. */
  root: string;
  template: Template;
  lock: ScaffoldLock;
  /** Finds an earlier text by its SHA-256 if the project does not keep it, for example in its git history. */
  findText(path: string, hash: string): Promise<Buffer | undefined>;
}

/**
 * Returns the changes that bring a scaffold to a template, without writing anything.
 * @throws UserError UNREADABLE
 */
export async function planTemplateUpgrade(sources: UpgradeSources): Promise<TemplatePlan> {
  const { root, template, lock } = sources;
  const kept = await keptBase(root);
  const rendered = [
    ...(await renderScaffold(template, lock.options)),
    ...(await renderAdditions(template, lock.options, lock.additions ?? {})),
  ];
  const renumbered = {
    ...lock.renumbered,
    ...(await newNumbers(sources, placed(rendered, lock.renumbered ?? {}))),
  };
  const theirs = placed(rendered, renumbered);
  const planner = new Planner(sources, kept, theirs);
  const files = await planner.files();
  const originals = new Map(Object.entries(renumbered).map(([original, here]) => [here, original]));
  for (const file of files) {
    const original = originals.get(file.path);
    if (file.status === 'created' && original) file.from = original;
  }
  return {
    files,
    records: [
      ...(await recordChange(
        root,
        LOCK_PATH,
        Buffer.from(formatLock(createLock(template, lock.options, theirs, renumbered, lock.additions))),
      )),
      ...(kept && sameBase(kept, baseOf(theirs))
        ? []
        : await recordChange(root, BASE_PATH, formatBase(baseOf(theirs)))),
    ],
    migrations: files.flatMap(({ path, status }) =>
      status === 'created' && migrationFolders(template).includes(posix.dirname(path)) ? [path] : [],
    ),
  };
}

async function keptBase(root: string): Promise<ScaffoldBase | undefined> {
  const file = await fileHere(root, BASE_PATH);
  return file.kind === 'file' ? parseBase(file.content) : undefined;
}

async function recordChange(root: string, path: string, content: Buffer): Promise<FileChange[]> {
  const here = await fileHere(root, path);
  if (here.kind === 'file' && here.content.equals(content)) return [];
  return [{ path, ...(here.kind === 'file' ? { before: here } : {}), after: { content, mode: 0o644 } }];
}

function migrationFolders({ manifest }: Template): string[] {
  return manifest.trees.flatMap(({ path, migrations }) =>
    migrations.map((folder) => posix.join(path, folder)),
  );
}

async function newNumbers(
  { root, template, lock }: UpgradeSources,
  theirs: readonly ScaffoldFile[],
): Promise<Record<string, string>> {
  const moved: Record<string, string> = {};
  for (const folder of migrationFolders(template)) {
    const isHere = new Set<string>();
    for (const file of theirs) {
      if (file.policy !== 'owned' || posix.dirname(file.path) !== folder) continue;
      const here = await fileHere(root, file.path);
      if (here.kind === 'file' && here.content.equals(file.content)) isHere.add(file.path);
    }
    const isNew = (path: string) => lock.files[path] === undefined && !isHere.has(path);
    Object.assign(moved, renumberMigrations(folder, await fileNames(root, folder), theirs, isNew));
  }
  return moved;
}

class Planner {
  readonly #sources: UpgradeSources;
  readonly #base: ScaffoldBase | undefined;
  readonly #theirs: readonly ScaffoldFile[];
  readonly #owned: ReadonlyMap<string, ScaffoldFile & { policy: 'owned' }>;
  readonly #labels: Labels;
  /** Paths of files that are removed: new files may be made below or above them. */
  readonly #removed = new Set<string>();

  constructor(sources: UpgradeSources, base: ScaffoldBase | undefined, theirs: readonly ScaffoldFile[]) {
    this.#sources = sources;
    this.#base = base;
    this.#theirs = theirs;
    this.#owned = new Map(theirs.flatMap((file) => (file.policy === 'owned' ? [[file.path, file]] : [])));
    this.#labels = {
      ours: 'yours',
      base: `template ${sources.lock.template.version}, which yours was made from`,
      theirs: `template ${sources.template.version}`,
    };
  }

  /** Removals come first, so that a folder can replace a file and the other way round. */
  async files(): Promise<PlannedFile[]> {
    const { lock } = this.#sources;
    const renames = this.#renames();
    const gone = Object.keys(lock.files).filter((path) => !this.#owned.has(path) && !renames.has(path));
    const files: PlannedFile[] = [];
    for (const path of gone) files.push(...(await this.#plan(path)));
    for (const [from, to] of renames) files.push(...(await this.#rename(from, to)));
    const renamed = new Set(renames.values());
    for (const file of this.#theirs) {
      if (file.policy !== 'owned') files.push(...(await this.#added(file)));
      else if (!renamed.has(file.path)) files.push(...(await this.#plan(file.path)));
    }
    return files;
  }

  /** By the scaffold's path: the path of the same file in the template now. */
  #renames(): Map<string, string> {
    const { lock, template } = this.#sources;
    const renames = new Map<string, string>();
    for (const start of Object.keys(lock.files)) {
      let at = start;
      for (const { from, to } of template.manifest.renames) if (from === at) at = to;
      if (at !== start && this.#owned.has(at) && !this.#owned.has(start) && lock.files[at] === undefined) {
        renames.set(start, at);
      }
    }
    return renames;
  }

  async #plan(path: string): Promise<PlannedFile[]> {
    const here = await this.#here(path);
    const decision = await this.#decide(path, path, here);
    return this.#planned(path, here, decision);
  }

  async #rename(from: string, to: string): Promise<PlannedFile[]> {
    const old = await this.#here(from);
    const there = await this.#here(to);
    if (old.kind === 'none') {
      // The user already deleted or renamed it.
      return this.#planned(to, there, await this.#decide(from, to, there));
    }
    if (there.kind !== 'none' || old.kind !== 'file') {
      return [{ path: to, from, status: 'conflict', kind: 'taken', ...this.#apart(to), changes: [] }];
    }
    const decision = await this.#decide(from, to, old);
    if (decision.status === 'conflict' && decision.kind !== 'lines')
      return this.#planned(from, old, decision);
    const result = 'content' in decision ? decision : { content: old.content, mode: old.mode };
    const planned = {
      path: to,
      from,
      texts: texts(old.content, result.content),
      changes: [
        { path: old.path, before: old },
        { path: to, after: { content: result.content, mode: result.mode } },
      ],
    };
    this.#removed.add(from);
    if (decision.status === 'conflict') return [{ ...planned, ...conflictOf(decision) }];
    return [{ ...planned, status: decision.status === 'merged' ? 'merged' : 'updated' }];
  }

  async #decide(from: string, path: string, here: FileHere): Promise<Decision> {
    const theirs = this.#owned.get(path);
    return decide({
      path,
      here,
      theirs,
      earlier: await this.#earlier(from, here, theirs?.content),
      frozen: migrationFolders(this.#sources.template).includes(posix.dirname(path)),
      labels: this.#labels,
    });
  }

  #planned(path: string, here: FileHere, decision: Decision): PlannedFile[] {
    const before = here.kind === 'file' ? here : undefined;
    switch (decision.status) {
      case 'unchanged':
        return [];
      case 'kept':
        return [{ path, status: 'kept', reason: decision.reason, changes: [] }];
      case 'removed':
        if (!before) return [];
        this.#removed.add(path);
        return [
          {
            path,
            status: 'removed',
            texts: texts(before.content, undefined),
            changes: [{ path: before.path, before }],
          },
        ];
      case 'conflict':
        if (decision.kind !== 'lines') {
          return [{ path, status: 'conflict', kind: decision.kind, ...this.#apart(path), changes: [] }];
        }
    }
    const { content, mode } = decision;
    return [
      {
        path,
        ...(decision.status === 'conflict' ? conflictOf(decision) : { status: decision.status }),
        texts: texts(before?.content, content),
        changes: [{ path: before?.path ?? path, ...(before ? { before } : {}), after: { content, mode } }],
      },
    ];
  }

  #apart(path: string): Pick<PlannedFile, 'theirs'> {
    const theirs = this.#owned.get(path)?.content;
    return theirs ? { theirs } : {};
  }

  /**
   * Handles a file of which the template owns a part: it gets the new parts of the template. A secret is
   * made, never changed.
   */
  async #added(file: ScaffoldFile): Promise<PlannedFile[]> {
    const { root, lock } = this.#sources;
    const here = await this.#here(file.path);
    const earlier = this.#base?.get(file.path);
    // `init` makes files that are missing on this machine and belong to the scaffold from the beginning.
    if (here.kind !== 'file' && (earlier || !this.#base || here.kind !== 'none')) return [];
    // An env file is filled from its example, which has another path in the scaffold.
    const compared = await compareFile(root, file, lock, false, earlier);
    if (!compared.write) return [];
    const { content, mode } = compared.write;
    const after = {
      content: content instanceof Secret ? Buffer.from(content.reveal()) : Buffer.from(content),
      mode,
    };
    return [
      {
        path: file.path,
        status: compared.status === 'created' ? 'created' : 'updated',
        ...(compared.added ? { added: compared.added } : {}),
        changes: [
          here.kind === 'file' ? { path: here.path, before: here, after } : { path: file.path, after },
        ],
      },
    ];
  }

  /**
   * Returns the original text of the scaffold: the lock has its hash, and one of several sources may have the
   * text.
   */
  async #earlier(path: string, here: FileHere, theirs: Buffer | undefined): Promise<Earlier> {
    const hash = this.#sources.lock.files[path];
    if (hash === undefined) return 'absent';
    const kept = this.#base?.get(path);
    if (kept && sha256(kept.content) === hash) return { known: true, file: kept };
    // In a scaffold without a base, every file of the template had the same mode.
    const mode = 0o644;
    const rendered = theirs && sha256(theirs) === hash ? theirs : undefined;
    const own = here.kind === 'file' ? inUnixLineEnds(here.content) : undefined;
    const content =
      rendered ??
      (own && sha256(own) === hash ? own : undefined) ??
      (await this.#sources.findText(path, hash));
    return content ? { known: true, file: { content, mode } } : { known: false };
  }

  /** Returns what exists at a path after the removals. */
  async #here(path: string): Promise<FileHere> {
    const { root } = this.#sources;
    const here = await fileHere(root, path);
    if (here.kind === 'below-file') {
      for (let above = posix.dirname(path); above !== '.'; above = posix.dirname(above)) {
        if (this.#removed.has(above)) return { kind: 'none' };
      }
    }
    if (here.kind === 'other' && (await this.#isEmptied(path))) return { kind: 'none' };
    return here;
  }

  /** Whether a folder contains only files that are removed. */
  async #isEmptied(folder: string): Promise<boolean> {
    const { root } = this.#sources;
    const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true }).catch(
      () => undefined,
    );
    return (
      entries?.every(
        (entry) =>
          entry.isDirectory() || this.#removed.has(join(entry.parentPath, entry.name).slice(root.length + 1)),
      ) ?? false
    );
  }
}

function conflictOf({ lines, baseUnknown }: Extract<Decision, { kind: 'lines' }>) {
  return { status: 'conflict', kind: 'lines', lines, ...(baseUnknown ? { baseUnknown } : {}) } as const;
}

function texts(before: Buffer | undefined, after: Buffer | undefined): { before: string; after: string } {
  return { before: before?.toString('utf8') ?? '', after: after?.toString('utf8') ?? '' };
}
