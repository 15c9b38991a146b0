import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { ExitCode, UserError } from '../../errors.js';
import type { ComposeConfig } from '../../project/from-config.js';
import type { ProjectLocation } from '../../project/locate.js';
import type { ComposeService } from '../../project/model.js';
import { writeFileAtomic } from '../../system/files.js';
import type { RunOptions } from '../../system/process.js';
import type { Engine } from '../engine.js';
import type {
  BesideInput,
  BesideTrial,
  LeftVolume,
  Trial,
  TrialDependencies,
  TrialInput,
  Trials,
  TrialVolume,
} from '../trials.js';
import { volumeInUse } from '../trials.js';
import * as argv from './argv.js';
import { composeComplaint, createDocker, failedCommand } from './docker.js';
import { createComposeEngine } from './engine.js';
import { explainDockerError } from './errors.js';
import { trialProject } from './trial-project.js';

/**
 * Scripts that the image's entrypoint runs on an empty volume. They are not needed: what they made is in the
 * dump.
 */
const INIT_SCRIPTS = '/docker-entrypoint-initdb.d';
const SINGLE_USER = 'exec postgres --single -D "$PGDATA" "$1" 2>&1';

/** Trials as Compose projects on the Docker engine. */
export function createComposeTrials(engine: Engine, dependencies: TrialDependencies): Trials {
  const { processes, env, signal } = dependencies;
  const docker = createDocker(processes, env);

  /** A trial can be inspected and removed without the values of its variables. */
  function openTrial(
    live: ProjectLocation,
    name: string,
    values: Record<string, string> = {},
  ): Trial & { file: string } {
    const file = join(live.directory, '.invctl', `trial-${name}.json`);
    const own = { ...values, COMPOSE_PROJECT_NAME: name, COMPOSE_PROFILES: undefined };
    const withValues = <Options extends Pick<RunOptions, 'env'>>(options: Options | undefined) => ({
      ...options,
      env: { ...own, ...options?.env },
    });
    return {
      engine: createComposeEngine({
        processes: {
          ...processes,
          run: (program, args, options) => processes.run(program, args, withValues(options)),
          lines: (program, args, options) => processes.lines(program, args, withValues(options)),
          passThrough: (program, args, options) => processes.passThrough(program, args, withValues(options)),
        },
        env,
      }),
      location: {
        name,
        directory: dirname(file),
        files: [file],
        explicitFiles: true,
        envFiles: [],
        stateFolder: live.stateFolder,
        ...(live.host ? { host: live.host } : {}),
      },
      file,
    };
  }

  /** Makes the volume as Compose would make it for a key of the project. */
  async function prepare(
    live: ProjectLocation,
    {
      name,
      config,
      services,
      volume,
    }: Pick<TrialInput, 'name' | 'config' | 'services'> & { volume?: TrialVolume },
  ): Promise<Trial> {
    if (volume) await docker.run(argv.createVolume(live.name, volume.key, volume.name));
    const { document, values } = trialProject(config, {
      name,
      services,
      ...(volume ? { volume } : {}),
      without: [INIT_SCRIPTS],
    });
    const { engine: own, location, file } = openTrial(live, name, values);
    await mkdir(dirname(file), { recursive: true });
    await writeFileAtomic(file, JSON.stringify(document, null, 2), 0o600);
    return { engine: own, location };
  }

  /** Keeps the volume, which belongs to the project. */
  async function remove(live: ProjectLocation, name: string): Promise<void> {
    const { engine: own, location, file } = openTrial(live, name);
    const [services, volumes, networks] = await Promise.all([
      own.status(location),
      own.volumes(location),
      own.networks(location),
    ]);
    if (services.length + volumes.length + networks.length > 0) {
      await own.down(location, { volumes: true });
    }
    await rm(file, { force: true });
  }

  async function configWith(location: ProjectLocation, file: string, text: string): Promise<ComposeConfig> {
    const result = await docker.run(argv.configWith(location, file), {
      cwd: location.directory,
      input: text,
      allowFailure: true,
    });
    if (result.status === 0) return JSON.parse(result.stdout) as ComposeConfig;
    throw new UserError({
      code: 'COMPOSE_INVALID',
      message: `Compose refuses the project: ${composeComplaint(result.stderr).trim()}`,
      hint: 'docker compose config',
      exitCode: ExitCode.projectInvalid,
      file,
    });
  }

  async function pullImage(image: string): Promise<void> {
    const result = await docker.run(argv.pullImage(image), { allowFailure: true, signal });
    if (result.status === 0) return;
    throw new UserError({
      code: 'IMAGE_NOT_PULLED',
      message: `the image ${image} is not on this machine and cannot be pulled: ${result.stderr.trim().split('\n').at(-1) ?? ''}`,
      hint: `docker pull ${image}      (when that works: the same command again)`,
      cause: explainDockerError(failedCommand(result)),
    });
  }

  /** Whether the volume exists, whoever made it. */
  async function hasVolume(name: string): Promise<boolean> {
    return (await docker.inspect(argv.inspectVolumes([name]))).length > 0;
  }

  async function assertNoVolume(_: ProjectLocation, { name }: TrialVolume): Promise<void> {
    if (!(await hasVolume(name))) return;
    throw new UserError({
      code: 'VOLUME_EXISTS',
      message: `the volume ${name} exists already, and the new server's has to be empty`,
      hint: `see what it holds:  invctl volume inspect ${name}      (then remove or rename it)`,
    });
  }

  async function prepareBeside(
    live: ProjectLocation,
    { name, project, service, dataDirectory, folder }: BesideInput,
  ): Promise<BesideTrial> {
    const file = live.files[0] as string;
    const config = await configWith(live, file, await readFile(file, 'utf8'));
    const own = config.services[service.name];
    if (own) own.environment = { ...own.environment, PGDATA: folder };
    const mount = service.mounts
      .filter(({ target }) => `${dataDirectory}/`.startsWith(`${target.replace(/\/$/, '')}/`))
      .sort((a, b) => b.target.length - a.target.length)[0];
    if (!mount || (mount.type === 'volume' && mount.source === undefined)) {
      throw new UserError({
        code: 'PROTECTION_IMPOSSIBLE',
        message: `the data lies in ${dataDirectory}, where no named volume and no folder is mounted: it ends with the container`,
        hint: 'mount a volume there: invctl doctor',
      });
    }
    const key = mount.type === 'volume' ? mount.source : undefined;
    const trial = await prepare(live, {
      name,
      config,
      services: [service.name],
      ...(key === undefined ? {} : { volume: { key, name: project.volumes[key]?.name ?? key } }),
    });
    return {
      ...trial,
      async runOnData(command, input) {
        let output = '';
        const stdout = new Writable({
          write(chunk: Buffer, _encoding, done) {
            output += chunk;
            done();
          },
        });
        const words = ['sh', '-c', '"$@" 2>&1', 'sh', ...command];
        // PostgreSQL refuses to run as root, and the data files belong to another user.
        const options = { user: service.user ?? 'postgres', stdin: input, stdout };
        return { status: await trial.engine.run(trial.location, service.name, words, options), output };
      },
    };
  }

  async function askStopped(
    location: ProjectLocation,
    service: ComposeService,
    database: string,
    statement: string,
  ): Promise<string> {
    let output = '';
    const stdout = new Writable({
      write(chunk: Buffer, _encoding, done) {
        output += chunk;
        done();
      },
    });
    await engine.run(location, service.name, ['sh', '-c', SINGLE_USER, 'sh', database], {
      // PostgreSQL refuses to run as root.
      user: service.user ?? 'postgres',
      stdin: Readable.from([`${statement}\n`]),
      stdout,
    });
    return output;
  }

  async function askLeft(
    _: ProjectLocation,
    service: ComposeService,
    volume: LeftVolume,
    database: string,
    statement: string,
  ): Promise<string | undefined> {
    const { image, dataDirectory } = volume;
    const [images, there] = await Promise.all([
      docker.inspect(argv.inspectImages([image])),
      hasVolume(volume.name),
    ]);
    if (images.length === 0 || !there) return undefined;
    const users = await docker.list(argv.containersWithVolume(volume.name));
    if (users.length > 0) throw volumeInUse(volume.name, users);
    const options = { user: service.user ?? 'postgres', environment: { PGDATA: dataDirectory } };
    const words = argv.runOnVolume(image, volume, options, ['sh', '-c', SINGLE_USER, 'sh', database]);
    return (await docker.run(words, { input: `${statement}\n`, signal })).stdout;
  }

  return {
    engine,
    declared: (_, { major, dataDirectory }) => ({ imageMajor: major, dataDirectory }),
    configWith,
    assertNoVolume,
    provide: async ({ image }, confirmPull) => {
      if ((await docker.inspect(argv.inspectImages([image]))).length === 0) {
        await confirmPull(image);
        await pullImage(image);
      }
      return engine;
    },
    prepare,
    prepareBeside,
    release: remove,
    remove,
    removeVolume: async (location, name) => {
      if (await hasVolume(name)) await engine.removeVolume(location, name);
    },
    askStopped,
    askLeft,
  };
}
