import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import type { ProcessRunner } from '../../system/process.js';
import type { ServerUser } from './server-user.js';

const SERVER_PROGRAMS = ['postgres', 'initdb'];
const CLIENT_PROGRAMS = ['psql', 'pg_dump', 'pg_restore'];

/** A PostgreSQL of this machine. */
export interface Installation {
  /** Folder of its programs. */
  programs: string;
  /** E.g. `16.14`. */
  version: string;
  major: number;
  /** Whether it also has the client programs: psql, pg_dump, pg_restore. */
  complete: boolean;
}

/** Where to look for a PostgreSQL, and which user is to run it. */
export interface Search {
  processes: ProcessRunner;
  env: NodeJS.ProcessEnv;
  user: ServerUser;
  /** Folder for the copy of a server that the user cannot reach in its own place. */
  stateRoot: string;
}

export function hasServer(programs: string): boolean {
  return SERVER_PROGRAMS.every((name) => existsSync(join(programs, name)));
}

/**
 * Asks the server for its version as the user that will run it. Returns undefined if that user cannot run it.
 */
export async function examine(
  programs: string,
  { processes, user }: Search,
): Promise<Installation | undefined> {
  if (!hasServer(programs)) return undefined;
  let output: string;
  try {
    const result = await processes.run(join(programs, 'postgres'), ['--version'], {
      ...user.ids,
      cwd: '/',
      allowFailure: true,
      timeoutMs: 10_000,
    });
    output = result.stdout;
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
  const version = /\(PostgreSQL\) (\d+(?:\.\d+)?)/.exec(output)?.[1];
  if (!version) return undefined;
  return {
    programs,
    version,
    major: Number.parseInt(version, 10),
    complete: CLIENT_PROGRAMS.every((name) => existsSync(join(programs, name))),
  };
}
