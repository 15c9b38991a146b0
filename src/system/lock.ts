import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExitCode, hasErrorCode, UserError } from '../errors.js';
import { explainFileError } from './files.js';
import { assertNothingUnfinished } from './journal.js';
import { identifyProcess, isAlive, type ProcessIdentity } from './process-identity.js';
import { ensureStateFolder, ownerOf, removeEmptyStateFolder, type StateOwner } from './state-folder.js';

export interface LockHolder extends ProcessIdentity {
  host: string;
  /** The holder's command, such as `invctl up`. */
  command: string;
  /** ISO time. */
  since: string;
}

export interface LockOptions {
  command: string;
  /** Milliseconds to wait for another holder. Default 0: fail at once. */
  waitMs?: number;
  /** True only for `recover`: other commands change nothing while an interrupted operation is unfinished. */
  recovers?: boolean;
  /** Called once before waiting for another holder. */
  onWait?: (holder: LockHolder) => void;
  signal?: AbortSignal;
}

const POLL_MS = 100;

/**
 * Runs `body` while no other invctl changes this project, for a project on another machine also none
 * elsewhere. The lock is a file with its holder's identity, which a link creates with its whole content; a
 * lock whose process does not exist any more is replaced.
 * @throws UserError PROJECT_LOCKED (exit 9) with the holder; UNFINISHED_OPERATION if one was interrupted.
 */
export async function withProjectLock<T>(
  owner: StateOwner,
  options: LockOptions,
  body: () => Promise<T>,
): Promise<T> {
  const { stateFolder } = owner;
  const path = lockPath(stateFolder);
  const holder: LockHolder = {
    ...(identifyProcess(process.pid) as ProcessIdentity),
    host: hostname(),
    command: options.command,
    since: new Date().toISOString(),
  };
  await ensureStateFolder(stateFolder);
  try {
    await acquire(path, holder, options);
    try {
      if (!options.recovers) await assertNothingUnfinished(owner);
      const release = await owner.sharedLock?.(options);
      try {
        return await body();
      } finally {
        await release?.();
      }
    } finally {
      await rm(path, { force: true });
    }
  } finally {
    await removeEmptyStateFolder(stateFolder);
  }
}

/** Returns the holder of the project's lock, if its process is still alive. */
export async function readLockHolder({ stateFolder }: StateOwner): Promise<LockHolder | undefined> {
  const holder = await readHolder(lockPath(stateFolder));
  return holder && !isStale(holder) ? holder : undefined;
}

function lockPath(stateFolder: string): string {
  return join(stateFolder, 'project.lock');
}

async function acquire(path: string, holder: LockHolder, options: LockOptions): Promise<void> {
  const deadline = Date.now() + (options.waitMs ?? 0);
  let announced = false;
  for (;;) {
    options.signal?.throwIfAborted();
    if (await tryLink(path, holder)) return;
    const other = await readHolder(path);
    if (!other) continue;
    if (isStale(other)) {
      await evict(path, holder);
      continue;
    }
    if (Date.now() >= deadline) throw lockedError(other, path);
    if (!announced) options.onWait?.(other);
    announced = true;
    await sleep(POLL_MS, undefined, options.signal ? { signal: options.signal } : {});
  }
}

/** A link appears with its whole content or not at all, so no reader ever sees a half-written lock. */
async function tryLink(path: string, holder: LockHolder): Promise<boolean> {
  const own = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await ensureStateFolder(dirname(path));
    await writeFile(own, JSON.stringify(holder), { flag: 'wx' });
    await link(own, path);
    return true;
  } catch (error) {
    if (hasErrorCode(error, 'EEXIST')) return false;
    // The previous holder has just removed the folder that it made.
    if (hasErrorCode(error, 'ENOENT') && existsSync(ownerOf(dirname(path)))) return false;
    throw explainFileError(error, path);
  } finally {
    await rm(own, { force: true });
  }
}

async function readHolder(path: string): Promise<LockHolder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as LockHolder;
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/**
 * Whether the holder's process has ended. A process of another machine (a shared folder) cannot be checked
 * from here and counts as alive.
 */
function isStale(holder: LockHolder): boolean {
  return holder.host === hostname() && !isAlive(holder);
}

/**
 * Removes the lock of a process that has ended. Between the check and the removal, a living process may have
 * replaced the lock. Therefore only one process evicts at a time, and it checks the lock again meanwhile: no
 * other process can remove such a lock or link over it.
 */
async function evict(path: string, holder: LockHolder): Promise<void> {
  const guard = `${path}.evict`;
  if (!(await tryLink(guard, holder))) {
    const other = await readHolder(guard);
    if (other && isStale(other)) await rm(guard, { force: true });
    return;
  }
  try {
    const current = await readHolder(path);
    if (current && isStale(current)) await rm(path, { force: true });
  } finally {
    await rm(guard, { force: true });
  }
}

function lockedError(holder: LockHolder, path: string): UserError {
  const elsewhere = holder.host === hostname() ? '' : ` on ${holder.host}`;
  return new UserError({
    code: 'PROJECT_LOCKED',
    message: `\`${holder.command}\` (process ${holder.pid}${elsewhere}, since ${holder.since}) holds this project`,
    hint: elsewhere
      ? `wait for it; if that machine is gone: rm '${path}'`
      : `wait for it to end, or look at it: ps -p ${holder.pid} -o pid,etime,args`,
    exitCode: ExitCode.locked,
    details: { holder: { ...holder } },
  });
}
