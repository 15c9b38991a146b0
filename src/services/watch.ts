import { existsSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FSWatcher } from 'chokidar';
import type { Engine, EngineInfo, ServiceEvent } from '../engine/engine.js';
import { selectEngine } from '../engine/select.js';
import { ExitCode, hasErrorCode, UserError } from '../errors.js';
import { keptFolders } from '../project/kept-folders.js';
import { locateProject, type ProjectLocation } from '../project/locate.js';
import { type ComposeProject, withDependencies } from '../project/model.js';
import { withProjectLock } from '../system/lock.js';
import type { ServiceContext } from './context.js';
import { type UpResult, up } from './up.js';
import { WatchedFiles } from './watched-files.js';

/** Milliseconds without a change after which a change is handled. */
const QUIET_MS = 80;
/** Milliseconds after which continuous changes are handled at the latest. */
const LATEST_MS = 3000;
/** Milliseconds between attempts to lock a project that another invctl has locked. */
const LOCK_RETRY_MS = 500;
/** Errors that are fixed by editing the source. */
const IN_THE_SOURCE = ['BUILD_FAILED', 'COMPOSE_INVALID', 'PACKAGE_INVALID', 'EMBEDDED_NO_LOCK_FILE'];

export interface WatchInput {
  services: readonly string[];
  timeoutMs: number;
  onEvent: (event: WatchEvent) => void;
}

/** The progress and the result of a change. */
export type WatchEvent =
  /** Reported once, when every later change is seen. */
  | { kind: 'watching'; services: string[]; folders: string[] }
  /** `files`: absolute paths, in the order in which they changed. */
  | { kind: 'changed'; files: string[] }
  | { kind: 'progress'; event: ServiceEvent }
  /** `seconds` since the first of the changes. */
  | { kind: 'served'; result: UpResult; seconds: number }
  /** Nothing changed that is part of a build or decides how a service runs. */
  | { kind: 'unchanged' }
  /** The build failed: what ran before goes on. */
  | { kind: 'not-built'; error: UserError }
  /** What was served before some checks of its build has passed them. */
  | { kind: 'checked' }
  /** It has not: it runs, and the next `up` does not build it. */
  | { kind: 'not-checked'; error: UserError }
  /** The build succeeded, but a service does not become healthy. */
  | { kind: 'unhealthy'; result: UpResult }
  | { kind: 'waiting'; error: UserError };

/**
 * Starts the project, and again after every change of its source or its compose file, until the context's
 * signal ends it. The signal aborts a build that is under way; a service that is being replaced may finish.
 *
 * @throws UserError NOTHING_TO_WATCH (exit 4), WATCH_LIMIT, and what the first `up` throws except for an
 * error in the source.
 */
export async function watch(outer: ServiceContext, input: WatchInput): Promise<void> {
  const context = { ...outer, warn: saidOnce(outer.warn) };
  const { signal } = context;
  const files = new WatchedFiles();
  const watcher = await openWatcher(files);
  try {
    const { location, engine, project } = await projectNow(context);
    const now: Now = { context, info: await engine.info(location) };
    files.include(location, sources(project, input.services), await keptFolders(location));
    if (files.folders.length === 0) throw nothingToWatch(location);
    await begin(watcher, files);
    const changes = new Changes(watcher, signal);
    await attempt(now, { ...input, onEvent: withoutUnchanged(input.onEvent) }, Date.now());
    input.onEvent({
      kind: 'watching',
      services: sources(project, input.services).map(({ name }) => name),
      folders: files.folders,
    });
    let unchecked: readonly string[] = [];
    for (;;) {
      let round: Round | undefined;
      const interrupted = new AbortController();
      const checking = check(now, input, unchecked, interrupted.signal);
      checking.catch(() => {});
      const { paths, sinceMs } = await changes.next(() => {
        interrupted.abort();
        round = beginRound(now);
      });
      if (signal.aborted) interrupted.abort();
      await checking;
      if (signal.aborted) return;
      input.onEvent({ kind: 'changed', files: paths });
      if (!round || paths.some((path) => files.files.includes(path))) round = beginRound(now);
      unchecked = (await attempt(now, { ...input, checkLater: true }, sinceMs, round)) ?? [];
      await follow(round, input, files, watcher);
    }
  } finally {
    await watcher.close();
  }
}

/** Leaves out `unchanged` events: the first start of a project that is up already is not news. */
function withoutUnchanged(tell: WatchInput['onEvent']): WatchInput['onEvent'] {
  return (event) => {
    if (event.kind !== 'unchanged') tell(event);
  };
}

/** Warns of each thing once, although each `up` repeats its warnings. */
function saidOnce(warn: (message: string) => void): (message: string) => void {
  const said = new Set<string>();
  return (message) => {
    if (!said.has(message)) warn(message);
    said.add(message);
  };
}

/** Services that are built from a folder of this machine. */
function sources(project: ComposeProject, names: readonly string[]) {
  const wanted = withDependencies(project, names);
  return Object.values(project.services).flatMap(({ name, build }) =>
    build && wanted.has(name) && isFolder(build.context) ? [{ name, build }] : [],
  );
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

interface CurrentProject {
  location: ProjectLocation;
  engine: Engine;
  project: ComposeProject;
}

interface Now {
  context: ServiceContext;
  /** It is asked once: a change of the source does not change the engine. */
  info: EngineInfo;
}

/** The handling of changes that came together. The project is read while more of them may come. */
interface Round {
  stop: AbortController;
  project: Promise<CurrentProject>;
}

function beginRound({ context, info }: Now, stop = new AbortController()): Round {
  const project = projectNow(context, stop.signal, info);
  // `tryOnce` reports it.
  project.catch(() => {});
  return { stop, project };
}

/** The project as its files are now, with a new engine, because an engine reads them only once. */
async function projectNow(
  context: ServiceContext,
  signal = context.signal,
  known?: EngineInfo,
): Promise<CurrentProject> {
  const location = locateProject(context.directory, context.env, context.environment, context.host);
  const { kind } = await context.engine();
  const engine = await selectEngine(kind, location, {
    processes: context.processes,
    env: context.env,
    signal,
    warn: context.warn,
    note: () => {},
  });
  const [info, project] = await Promise.all([known ?? engine.info(location), engine.resolve(location)]);
  return { location, engine: { ...engine, info: () => Promise.resolve(info) }, project };
}

/** Updates the watched files from the compose file. An invalid compose file was already reported. */
async function follow(
  round: Round,
  input: WatchInput,
  files: WatchedFiles,
  watcher: FSWatcher,
): Promise<void> {
  try {
    const { location, project } = await round.project;
    watcher.add(files.include(location, sources(project, input.services), await keptFolders(location)));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
}

/**
 * Does the checks that the build of these services left out. A change interrupts it: what is built of that is
 * checked next. Another invctl at work does too: the next `up` does them.
 */
async function check(
  { context, info }: Now,
  { onEvent }: WatchInput,
  services: readonly string[],
  interrupted: AbortSignal,
): Promise<void> {
  if (services.length === 0) return;
  const signal = AbortSignal.any([context.signal, interrupted]);
  try {
    const { location, engine } = await projectNow(context, signal, info);
    await withProjectLock(location, { command: 'invctl watch', signal }, () =>
      engine.build(location, { services, signal }, () => {}),
    );
    onEvent({ kind: 'checked' });
  } catch (error) {
    if (signal.aborted || hasErrorCode(error, 'PROJECT_LOCKED')) return;
    if (!(error instanceof UserError)) throw error;
    onEvent({ kind: 'not-checked', error });
  }
}

interface AttemptInput extends WatchInput {
  checkLater?: boolean;
}

/** @returns the services that were built without some checks. */
async function attempt(
  now: Now,
  input: AttemptInput,
  sinceMs: number,
  round = beginRound(now),
): Promise<readonly string[] | undefined> {
  const { context } = now;
  if (context.signal.aborted) return;
  let replacing = false;
  const interrupt = () => {
    if (!replacing) round.stop.abort();
  };
  context.signal.addEventListener('abort', interrupt, { once: true });
  const onEvent = (event: ServiceEvent) => {
    replacing ||= event.phase !== 'building';
    input.onEvent({ kind: 'progress', event });
  };
  try {
    for (let { stop, project } = round; ; { project } = beginRound(now, stop)) {
      const result = await tryOnce(context, input, { stop, project }, onEvent);
      if (result === 'locked') {
        await sleep(LOCK_RETRY_MS, undefined, { signal: context.signal });
        continue;
      }
      if (result) report(result, input, sinceMs);
      return result?.unchecked;
    }
  } finally {
    context.signal.removeEventListener('abort', interrupt);
  }
}

/** @returns nothing when it was reported already, or was aborted. */
async function tryOnce(
  context: ServiceContext,
  { services, timeoutMs, checkLater = false, onEvent: tell }: AttemptInput,
  { stop: { signal }, project }: Round,
  onEvent: (event: ServiceEvent) => void,
): Promise<UpResult | 'locked' | undefined> {
  try {
    const { location, engine } = await project;
    const now = { ...context, signal, project: () => location, engine: async () => engine };
    return await up(now, {
      services,
      build: 'changed',
      onlyRebuilt: true,
      checkLater,
      wait: true,
      timeoutMs,
      onEvent,
    });
  } catch (error) {
    if (signal.aborted) return undefined;
    if (!(error instanceof UserError)) throw error;
    if (error.code === 'PROJECT_LOCKED') {
      tell({ kind: 'waiting', error });
      return 'locked';
    }
    if (!IN_THE_SOURCE.includes(error.code) && error.exitCode !== ExitCode.projectInvalid) throw error;
    tell({ kind: 'not-built', error });
    return undefined;
  }
}

function report(result: UpResult, { onEvent }: WatchInput, sinceMs: number): void {
  if (result.failed.length > 0) onEvent({ kind: 'unhealthy', result });
  else if (result.unchanged.length === result.services.length) onEvent({ kind: 'unchanged' });
  else onEvent({ kind: 'served', result, seconds: (Date.now() - sinceMs) / 1000 });
}

async function openWatcher(files: WatchedFiles): Promise<FSWatcher> {
  const { watch: open } = await import('chokidar');
  return open([], { ignoreInitial: true, ignored: (path) => files.ignores(path) });
}

/** Resolves once the watcher sees every later change. */
async function begin(watcher: FSWatcher, files: WatchedFiles): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    watcher.once('ready', resolve);
    watcher.once('error', (error) => reject(watchFailed(error)));
    watcher.add([...files.folders, ...files.files].filter((path) => existsSync(path)));
  });
}

/** Collects changes; those close together are handled as one. */
class Changes {
  readonly #paths = new Set<string>();
  #sinceMs = 0;
  #lastMs = 0;
  #failure: unknown;
  #wake: () => void = () => {};
  readonly #signal: AbortSignal;

  constructor(watcher: FSWatcher, signal: AbortSignal) {
    this.#signal = signal;
    watcher.on('all', (_, path) => this.#note(path));
    watcher.on('error', (error) => {
      this.#failure = watchFailed(error);
      this.#wake();
    });
    signal.addEventListener('abort', () => this.#wake(), { once: true });
  }

  /**
   * Waits until the next changes are complete. After an abort it returns what there is.
   * @param onFirst called as soon as there is one.
   */
  async next(onFirst: () => void): Promise<{ paths: string[]; sinceMs: number }> {
    let told = false;
    while (!this.#signal.aborted) {
      if (this.#failure) throw this.#failure;
      if (this.#paths.size > 0 && !told) {
        told = true;
        onFirst();
      }
      const now = Date.now();
      const due = Math.min(this.#lastMs + QUIET_MS, this.#sinceMs + LATEST_MS);
      if (this.#paths.size > 0 && now >= due) break;
      const timer = this.#paths.size > 0 ? setTimeout(() => this.#wake(), due - now) : undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      clearTimeout(timer);
    }
    const paths = [...this.#paths];
    this.#paths.clear();
    return { paths, sinceMs: this.#sinceMs };
  }

  #note(path: string): void {
    this.#lastMs = Date.now();
    if (this.#paths.size === 0) this.#sinceMs = this.#lastMs;
    this.#paths.add(path);
    this.#wake();
  }
}

function nothingToWatch({ name }: ProjectLocation): UserError {
  return new UserError({
    code: 'NOTHING_TO_WATCH',
    message: `no service of "${name}" is built from a folder of this machine, so there is no source to watch`,
    hint: 'give a service a `build:` in the compose file, or follow what runs: invctl logs --follow',
    exitCode: ExitCode.projectInvalid,
  });
}

/** The error for the kernel's limit of watches (Linux: fs.inotify.max_user_watches). */
function watchFailed(error: unknown): unknown {
  if (!hasErrorCode(error, 'ENOSPC', 'EMFILE')) return error;
  return new UserError({
    code: 'WATCH_LIMIT',
    message: 'this machine lets nobody watch so many files at once',
    hint: 'list in .dockerignore what no build needs (node_modules, .git), or: sudo sysctl fs.inotify.max_user_watches=524288',
    cause: error,
  });
}
