import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { z } from 'zod';
import { ExitCode, UserError } from '../../errors.js';
import { lastChangedFile, readBuildContext } from '../../project/build-context.js';
import { keptFolders } from '../../project/kept-folders.js';
import type { ComposeProject } from '../../project/model.js';
import { outputTail } from '../../system/argv.js';
import type { BuildStep, OutdatedImage } from '../engine.js';
import { firstSourceError } from '../source-error.js';
import type { NodeService } from './classify.js';
import { machineEnvironment } from './environment.js';
import { serviceMark } from './launch.js';
import type { EngineRun } from './run.js';

const packageFile = z.object({ scripts: z.record(z.string(), z.string()).optional() });

/**
 * Reads `scripts` of the service's package.json.
 * @throws UserError PACKAGE_INVALID (exit 4)
 */
export async function packageScripts({ folder }: NodeService): Promise<Record<string, string>> {
  const file = join(folder, 'package.json');
  try {
    return packageFile.parse(JSON.parse(await readFile(file, 'utf8'))).scripts ?? {};
  } catch (error) {
    throw new UserError({
      code: 'PACKAGE_INVALID',
      message: `${file} is not a valid package.json`,
      hint: `node -p "JSON.parse(require('node:fs').readFileSync('${file}', 'utf8'))"      (tells where)`,
      exitCode: ExitCode.projectInvalid,
      file,
      cause: error,
    });
  }
}

export interface PackageBuildOptions {
  noCache?: boolean;
  /** Called when a step begins that is not cached. */
  onStart?: (step: string) => void;
  /** Called when a step is done. */
  onStep?: (step: BuildStep) => void;
  /** Called before the build, if the source has changed since an earlier build. */
  onOutdated?: (outdated: OutdatedImage) => void;
}

/**
 * Builds a Node package in its folder, as its Dockerfile would: `npm ci`, then `npm run build` if it has that
 * script. `npm ci` is skipped if package.json, the lock file, Node and npm's installation are unchanged since
 * the last build; `npm run build` is skipped if every file of the package is.
 * @returns a digest of the built package.
 * @throws UserError BUILD_FAILED (exit 1) with the last lines of the output, EMBEDDED_NO_LOCK_FILE (exit 4)
 */
export async function buildPackage(
  run: EngineRun,
  node: NodeService,
  options: PackageBuildOptions,
): Promise<string> {
  const { project, store } = run;
  const { folder, service } = node;
  const key = relative(project.directory, folder);
  const scripts = await packageScripts(node);
  if (!existsSync(join(folder, 'package-lock.json'))) {
    throw new UserError({
      code: 'EMBEDDED_NO_LOCK_FILE',
      message: `${folder} holds no package-lock.json, without which \`npm ci\` installs nothing`,
      hint: `cd '${folder}' && npm install --package-lock-only`,
      exitCode: ExitCode.projectInvalid,
    });
  }
  const step = async (name: string, cached: boolean, args: readonly string[]) => {
    const started = Date.now();
    if (!cached) {
      options.onStart?.(name);
      await npm(args, node, run);
    }
    options.onStep?.({ service: service.name, name, cached, seconds: (Date.now() - started) / 1000 });
    return cached;
  };
  const outdated = options.onOutdated && (await outdatedPackage(run, node));
  if (outdated) options.onOutdated?.(outdated);
  const use = options.noCache ? undefined : store.state.builds[key];
  const installed = await step('npm ci', use?.dependencies === (await dependencyDigest(folder)), [
    'ci',
    '--include=dev',
    '--no-audit',
    '--no-fund',
  ]);
  const dependencies = await dependencyDigest(folder);
  if (scripts.build !== undefined) {
    const built = installed && use?.output === (await packageDigest(folder, project));
    await step('npm run build', built, ['run', 'build']);
  }
  const output = await packageDigest(folder, project);
  store.state.builds[key] = { dependencies, output, builtAt: new Date().toISOString() };
  await store.save();
  return output;
}

/**
 * Returns the last build of the package, whether or not its source has changed since.
 * @returns the digest of that build, and the changes since.
 * @throws UserError IMAGE_MISSING if it was never built
 */
export async function lastBuild(
  run: EngineRun,
  node: NodeService,
): Promise<{ digest: string; outdated: OutdatedImage | undefined }> {
  const { name } = node.service;
  const known = run.store.state.builds[relative(run.project.directory, node.folder)];
  if (known) return { digest: known.output, outdated: await outdatedPackage(run, node) };
  throw new UserError({
    code: 'IMAGE_MISSING',
    message: `"${name}" was never built, and --no-build keeps it from being built`,
    hint: `invctl build ${name}      (or leave --no-build away)`,
    details: { service: name },
  });
}

/** Returns undefined for a package that is unchanged since its last build, or was never built. */
async function outdatedPackage(
  { project, store }: EngineRun,
  { folder, service }: NodeService,
): Promise<OutdatedImage | undefined> {
  const known = store.state.builds[relative(project.directory, folder)];
  if (!known || known.output === (await packageDigest(folder, project))) return undefined;
  const context =
    known.builtAt === undefined
      ? undefined
      : readBuildContext({ context: folder, args: {} }, await keptFolders(project));
  const path = context && lastChangedFile(context, Date.parse(known.builtAt as string));
  return { service: service.name, ...(path === undefined ? {} : { file: join(folder, path) }) };
}

async function npm(args: readonly string[], { folder, service }: NodeService, run: EngineRun): Promise<void> {
  const result = await run.processes.run('npm', args, {
    cwd: folder,
    env: {
      // The folder of our own Node comes first. Without this, a NODE_ENV=production of the shell would leave
      // the compiler out.
      PATH: machineEnvironment(run.env).PATH,
      NODE_ENV: undefined,
      ...serviceMark(run.store.folders, service.name),
    },
    allowFailure: true,
    signal: run.signal,
  });
  if (result.status === 0) return;
  const output = `${result.stdout}\n${result.stderr}`;
  const place = firstSourceError(output.split('\n'), folder);
  throw new UserError({
    code: 'BUILD_FAILED',
    message: `${service.name} was not built, \`npm ${args.join(' ')}\` failed:\n${outputTail(output)}`,
    hint: `cd '${folder}' && npm ${args.join(' ')}`,
    ...(place ? { file: place.file, line: place.line, details: { reason: place.message } } : {}),
  });
}

/** Digest of the files that decide an installation, and of npm's own record of what it installed. */
async function dependencyDigest(folder: string): Promise<string> {
  const hash = createHash('sha256').update(`${process.version} ${process.platform} ${process.arch}`);
  for (const name of ['package.json', 'package-lock.json', 'node_modules/.package-lock.json']) {
    hash.update(await readFile(join(folder, name)).catch(() => Buffer.from('absent')));
  }
  return hash.digest('hex');
}

/**
 * Digest of every file of the package with its path: sources and build results. Left out: files of npm and
 * git, invctl's own, env files, and bind mounts, which are not in an image either.
 */
async function packageDigest(folder: string, project: ComposeProject): Promise<string> {
  const apart = new Set([
    ...(await keptFolders(project)),
    ...Object.values(project.services).flatMap(({ mounts }) =>
      mounts.flatMap(({ type, source }) => (type === 'bind' && source ? [source] : [])),
    ),
  ]);
  const hash = createHash('sha256');
  const visit = async (path: string): Promise<void> => {
    const entries = await readdir(join(folder, path), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const name = join(path, entry.name);
      if (/^(node_modules|\.git|\.invctl|\.env(\..*)?)$/.test(entry.name) || apart.has(join(folder, name)))
        continue;
      if (entry.isDirectory()) await visit(name);
      else if (entry.isSymbolicLink()) hash.update(`${name}\0${await readlink(join(folder, name))}\0`);
      else if (entry.isFile()) {
        const content = createHash('sha256').update(await readFile(join(folder, name)));
        hash.update(`${name}\0${content.digest('hex')}\0`);
      }
    }
  };
  await visit('');
  return hash.digest('hex');
}
