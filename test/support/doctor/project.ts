import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ServiceContext } from '../../../src/services/context.js';
import { type DoctorInput, type DoctorResult, examine } from '../../../src/services/doctor.js';
import { initProject } from '../../../src/services/init.js';
import { findFreePort } from '../../../src/system/ports.js';
import { createProcessRunner } from '../../../src/system/process.js';
import { scriptEnvironment } from '../cli.js';

/** An engine that answers nobody. */
export const NO_ENGINE = { DOCKER_HOST: 'unix:///nonexistent/docker.sock' };

/** A project folder that a fault may be put into. */
export interface SickProject {
  readonly name: string;
  readonly folder: string;
  readonly port: number;
  readonly env: Record<string, string | undefined>;
  path(file: string): string;
  read(file: string): string;
  write(file: string, content: string, mode?: number): void;
  /** Fails where nothing is replaced, so that no fault is without effect. */
  edit(file: string, from: string | RegExp, to: string): void;
  remove(file: string): void;
  run(program: string, ...args: string[]): string;
  doctor(input?: Partial<DoctorInput>): Promise<DoctorResult>;
  /** Examines with `--fix --yes`. */
  fix(input?: Partial<DoctorInput>): Promise<DoctorResult>;
  /** What to do when the fault is over. */
  afterwards(undo: () => void | Promise<void>): void;
  /** Everything back as it was when the project was made (or last marked). */
  heal(): Promise<void>;
  /** Takes the present state for the healthy one. */
  mark(): void;
  dispose(): Promise<void>;
}

/** A server without dependencies in the place of the scaffold's API: what it is made of is no doctor's business. */
const SERVER = `require('node:http')
  .createServer((request, response) => response.end('ok'))
  .listen(5003, '0.0.0.0');
process.on('SIGTERM', () => process.exit(0));
`;
const DOCKERFILE = `FROM node:24-slim
WORKDIR /app
COPY src ./src
USER 1000:1000
EXPOSE 5003
HEALTHCHECK --interval=30s --retries=2 --start-period=1m --start-interval=200ms \\
  CMD ["node", "-e", "fetch('http://127.0.0.1:5003/').then((r) => process.exit(r.ok ? 0 : 1))"]
CMD ["node", "src/server.cjs"]
`;

/** What `invctl init` writes, with a small server as its API. */
export async function scaffoldProject(env: Record<string, string | undefined> = {}): Promise<SickProject> {
  const project = await emptyProject(env);
  await initProject(project.context, {
    directory: project.folder,
    options: {
      name: project.name,
      port: project.port,
      postgres: 16,
      node: 24,
      dbName: 'shop',
      dbUser: 'shop',
    },
    dryRun: false,
    force: false,
    diff: false,
  });
  for (const part of ['src', 'test', 'migrations', 'package.json', 'package-lock.json']) {
    rmSync(join(project.folder, 'stack', part), { recursive: true, force: true });
  }
  project.write('stack/src/server.cjs', SERVER);
  project.write('stack/Dockerfile', DOCKERFILE);
  project.mark();
  return project;
}

/** A project of these files. `NAME` and `PORT` in them become its own. */
export async function writtenProject(
  files: Record<string, string>,
  env: Record<string, string | undefined> = {},
): Promise<SickProject> {
  const project = await emptyProject(env);
  for (const [file, content] of Object.entries(files)) {
    project.write(file, content.replaceAll('NAME', project.name).replaceAll('PORT', String(project.port)));
  }
  project.mark();
  return project;
}

/** What the result says that `--fix` mends, as `id: message`. */
function fixable({ checks }: DoctorResult): string[] {
  const causes = checks.filter(({ followsFrom }) => followsFrom.length === 0);
  for (const { check, findings } of causes) {
    const empty = findings.find(
      ({ next, fixable }) => check.fix && !fixable && next?.includes('invctl doctor --fix'),
    );
    if (empty) throw new Error(`--fix is advised and has no step: ${check.id}: ${empty.message}`);
  }
  return causes.flatMap(({ check, findings }) =>
    findings.flatMap(({ message, fixable }) => (fixable ? [`${check.id}: ${message}`] : [])),
  );
}

function findingKeys({ checks }: DoctorResult): string[] {
  return checks.flatMap(({ check, findings }) => findings.map(({ message }) => `${check.id}: ${message}`));
}

function isLeftOut(key: string, { only = [], skip = [] }: Partial<DoctorInput> = {}): boolean {
  const id = key.split(':')[0] as string;
  return skip.includes(id) || (only.length > 0 && !only.includes(id));
}

async function emptyProject(extra: Record<string, string | undefined>) {
  const home = await realpath(await mkdtemp(join(tmpdir(), 'invctl-doctor-')));
  chmodSync(home, 0o755);
  const folder = join(home, 'project');
  const healthy = join(home, 'healthy');
  mkdirSync(folder);
  const name = `doc-${randomBytes(4).toString('hex')}`;
  const port = await findFreePort('127.0.0.1');
  const env = scriptEnvironment(extra) as Record<string, string | undefined>;
  const undos: (() => void | Promise<void>)[] = [];
  /** What the last examination said that `--fix` mends. */
  let promised: string[] = [];

  const context: ServiceContext = {
    directory: folder,
    get env() {
      return env;
    },
    processes: createProcessRunner({ env }),
    signal: new AbortController().signal,
    warn: () => {},
    project: () => {
      throw new Error('the doctor locates for itself');
    },
    engine: () => Promise.reject(new Error('the doctor finds its engine itself')),
  };
  const input = (more: Partial<DoctorInput> = {}): DoctorInput => ({
    only: [],
    skip: [],
    production: false,
    engine: 'auto',
    ...more,
  });
  const project = {
    name,
    folder,
    port,
    env,
    context,
    path: (file: string) => join(folder, file),
    read: (file: string) => readFileSync(join(folder, file), 'utf8'),
    write(file: string, content: string, mode?: number) {
      const path = join(folder, file);
      mkdirSync(dirname(path), { recursive: true });
      rmSync(path, { force: true });
      writeFileSync(path, content);
      if (mode !== undefined) chmodSync(path, mode);
    },
    edit(file: string, from: string | RegExp, to: string) {
      const before = project.read(file);
      const after = before.replace(from, () => to);
      if (after === before) throw new Error(`nothing to replace in ${file}: ${from}`);
      project.write(file, after, statSync(join(folder, file)).mode & 0o777);
    },
    remove: (file: string) => rmSync(join(folder, file), { recursive: true }),
    run: (program: string, ...args: string[]) =>
      execFileSync(program, args, {
        cwd: folder,
        env: env as NodeJS.ProcessEnv,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    doctor: async (more?: Partial<DoctorInput>) => {
      const found = await examine(context, input(more));
      promised = fixable(found);
      return found;
    },
    async fix(more?: Partial<DoctorInput>) {
      const fix = { agrees: () => Promise.resolve(true), declined: 'no' };
      const found = await examine(context, input({ ...more, fix }));
      const failed = new Set(found.fixes.filter(({ applied }) => !applied).map(({ id }) => id));
      const kept = new Set(findingKeys(found));
      const broken = [...promised, ...fixable(found)].filter(
        (key) => kept.has(key) && !failed.has(key.split(':')[0] as string) && !isLeftOut(key, more),
      );
      if (broken.length > 0) throw new Error(`--fix was said to mend what it leaves: ${broken.join('; ')}`);
      return found;
    },
    afterwards: (undo: () => void | Promise<void>) => {
      undos.push(undo);
    },
    mark() {
      rmSync(healthy, { recursive: true, force: true });
      execFileSync('cp', ['-a', folder, healthy]);
    },
    async heal() {
      for (const undo of undos.splice(0).reverse()) await undo();
      for (const entry of execFileSync('ls', ['-A', folder], { encoding: 'utf8' })
        .split('\n')
        .filter(Boolean)) {
        rmSync(join(folder, entry), { recursive: true, force: true });
      }
      execFileSync('cp', ['-a', `${healthy}/.`, folder]);
    },
    async dispose() {
      for (const undo of undos.splice(0).reverse()) await undo();
      await rm(home, { recursive: true, force: true });
    },
  };
  return project;
}
