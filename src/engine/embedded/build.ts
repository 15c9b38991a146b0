import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ExitCode, UserError } from '../../errors.js';
import { outputTail, type ProcessRunner } from '../../system/process.js';
import type { BuildStep } from '../engine.js';
import type { NodeService } from './classify.js';
import { machineEnvironment } from './environment.js';
import type { ServiceRecord } from './state.js';

const packageFile = z.object({ scripts: z.record(z.string(), z.string()).optional() });

/** `scripts` of the service's package.json. @throws UserError PACKAGE_INVALID (exit 4) */
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

export interface BuildTools {
  processes: ProcessRunner;
  env: NodeJS.ProcessEnv;
  /** Marks the programs that run on the way. */
  mark: Record<string, string>;
  signal?: AbortSignal;
  noCache?: boolean;
  /** Called as a step begins that is not cached. */
  onStart?: (step: string) => void;
}

/**
 * What the Dockerfile of a Node package does, in its folder: `npm ci`, then `npm run build` if it has that script.
 * The first is left out while package.json, the lock file, Node and what npm installed are as they were after the
 * last time; the second while every file of the package is.
 *
 * @throws UserError BUILD_FAILED (exit 1) with the last lines of the output, EMBEDDED_NO_LOCK_FILE (exit 4)
 */
export async function buildPackage(
  node: NodeService,
  last: ServiceRecord['build'],
  tools: BuildTools,
  onStep: (step: BuildStep) => void,
): Promise<NonNullable<ServiceRecord['build']>> {
  const { folder, service } = node;
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
      tools.onStart?.(name);
      await npm(args, node, tools);
    }
    onStep({ service: service.name, name, cached, seconds: (Date.now() - started) / 1000 });
    return cached;
  };
  const use = tools.noCache ? undefined : last;
  const installed = await step('npm ci', use?.dependencies === (await dependencyDigest(folder)), [
    'ci',
    '--include=dev',
    '--no-audit',
    '--no-fund',
  ]);
  const dependencies = await dependencyDigest(folder);
  if (scripts.build !== undefined) {
    const built = installed && use?.output === (await packageDigest(node));
    await step('npm run build', built, ['run', 'build']);
  }
  return { dependencies, output: await packageDigest(node) };
}

async function npm(
  args: readonly string[],
  { folder, service }: NodeService,
  tools: BuildTools,
): Promise<void> {
  const result = await tools.processes.run('npm', args, {
    cwd: folder,
    env: {
      // The Node beside ours comes first, and a shell's NODE_ENV=production would leave the compiler out.
      PATH: machineEnvironment(tools.env).PATH,
      NODE_ENV: undefined,
      ...tools.mark,
    },
    allowFailure: true,
    ...(tools.signal ? { signal: tools.signal } : {}),
  });
  if (result.status === 0) return;
  throw new UserError({
    code: 'BUILD_FAILED',
    message: `${service.name} was not built, \`npm ${args.join(' ')}\` failed:\n${outputTail(`${result.stdout}\n${result.stderr}`)}`,
    hint: `cd '${folder}' && npm ${args.join(' ')}`,
  });
}

/** Of what decides an installation, and of npm's own note of what it installed. */
async function dependencyDigest(folder: string): Promise<string> {
  const hash = createHash('sha256').update(`${process.version} ${process.platform} ${process.arch}`);
  for (const name of ['package.json', 'package-lock.json', 'node_modules/.package-lock.json']) {
    hash.update(await readFile(join(folder, name)).catch(() => Buffer.from('absent')));
  }
  return hash.digest('hex');
}

/**
 * Of every file of the package with its path: sources and what was built from them. Left out: what npm and git
 * keep, env files, and bind mounts, which are no part of an image either.
 */
async function packageDigest({ folder, service }: NodeService): Promise<string> {
  const mounted = new Set(
    service.mounts.flatMap(({ type, source }) => (type === 'bind' && source ? [source] : [])),
  );
  const hash = createHash('sha256');
  const visit = async (path: string): Promise<void> => {
    const entries = await readdir(join(folder, path), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const name = join(path, entry.name);
      if (/^(node_modules|\.git|\.env(\..*)?)$/.test(entry.name) || mounted.has(join(folder, name))) continue;
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
