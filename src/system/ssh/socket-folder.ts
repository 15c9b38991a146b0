import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { explainFileError } from '../files.js';
import { identifyProcess, isAlive, type ProcessIdentity } from '../process-identity.js';

const PREFIX = 'invctl-ssh-';
/**
 * In bytes. A unix socket's path has 104 bytes (macOS), of which our names and ssh's temporary suffix take
 * 44.
 */
const LONGEST_PARENT = 60;
/** In milliseconds. A younger folder without an owner may still be under construction. */
const YOUNG_MS = 60_000;

/** Returns the folder for the sockets of a connection: a new path that is short enough for a unix socket. */
export function newSocketFolder(env: NodeJS.ProcessEnv): string {
  return join(parentFolder(env), `${PREFIX}${randomBytes(4).toString('hex')}`);
}

/** Makes the folder, for this user alone, and removes folders of processes that have ended. */
export function makeSocketFolder(folder: string, env: NodeJS.ProcessEnv): void {
  removeLeftOvers(parentFolder(env));
  try {
    mkdirSync(folder, { mode: 0o700 });
    writeFileSync(join(folder, 'owner'), JSON.stringify(identifyProcess(process.pid)), { mode: 0o600 });
  } catch (error) {
    throw explainFileError(error, folder);
  }
}

/** A connection ends by itself when its process has ended, but its sockets stay. */
function removeLeftOvers(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = join(parent, name);
    try {
      const stat = statSync(folder);
      if (stat.uid !== process.getuid?.() || !isLeftOver(folder, stat.mtimeMs)) continue;
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // Another process removed it first.
    }
  }
}

function isLeftOver(folder: string, changedMs: number): boolean {
  try {
    return !isAlive(JSON.parse(readFileSync(join(folder, 'owner'), 'utf8')) as ProcessIdentity);
  } catch {
    return Date.now() - changedMs > YOUNG_MS;
  }
}

function parentFolder(env: NodeJS.ProcessEnv): string {
  const candidates = [env.XDG_RUNTIME_DIR, tmpdir(), '/tmp'];
  const usable = (folder: string | undefined): folder is string =>
    Boolean(
      folder && folder.length <= LONGEST_PARENT && statSync(folder, { throwIfNoEntry: false })?.isDirectory(),
    );
  return candidates.find(usable) ?? tmpdir();
}
