import { readFile } from 'node:fs/promises';
import { PassThrough, Writable } from 'node:stream';
import { UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import type { RunResult } from '../../system/process.js';
import type { BesideInput, BesideTrial } from '../trials.js';
import * as argv from './argv.js';
import type { Docker } from './docker.js';
import { type ComposeTrial, prepareTrial, removeOneOffs } from './open-trial.js';
import { configWith } from './resolve.js';

/** See `Trials.prepareBeside`. */
export async function prepareBeside(
  docker: Docker,
  live: ProjectLocation,
  { name, project, service, dataDirectory, folder, server }: BesideInput,
): Promise<BesideTrial> {
  const file = live.files[0] as string;
  const config = await configWith(docker, live, file, await readFile(file, 'utf8'));
  const own = config.services[service.name];
  if (own) own.environment = { ...own.environment, PGDATA: folder };
  if (own && server) {
    own.image = server.image;
    await assertImage(docker, server);
  }
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
  const trial = await prepareTrial(docker, live, {
    name,
    config,
    services: [service.name],
    ...(key === undefined ? {} : { volume: { key, name: project.volumes[key]?.name ?? key } }),
  });
  const { engine, location } = trial;
  // PostgreSQL refuses to run as root, and the data files belong to another user.
  const user = service.user ?? 'postgres';
  let container: Promise<DataContainer> | undefined;
  return {
    engine,
    location,
    async runOnData(command, input) {
      container ??= openDataContainer(trial, service.name, user);
      const { id, failed } = await container;
      if (id === undefined) return failed;
      const words = argv.exec(id, ['sh', '-c', '"$@" 2>&1', 'sh', ...command], { user });
      return outcome(await trial.docker.run(words, { input, allowFailure: true, ownSession: true }));
    },
  };
}

const READY = 'invctl: the data is mounted';

type Failed = { status: number; output: string };
type DataContainer = { id: string; failed?: never } | { id?: never; failed: Failed };

/**
 * Starts a container with the database's mounts, for programs that are run in it one after the other: to start
 * one for each takes six times as long. It ends with our process, because its program reads what we keep open.
 */
async function openDataContainer(
  { docker, location }: ComposeTrial,
  service: string,
  user: string,
): Promise<DataContainer> {
  // What a restore that was killed left may still be at its work.
  await removeOneOffs(docker, location.name);
  const failed = await new Promise<Failed | undefined>((resolve, reject) => {
    let said = '';
    const output = new Writable({
      write(chunk: Buffer, _encoding, done) {
        said += chunk;
        if (said.includes(READY)) resolve(undefined);
        done();
      },
    });
    const words = ['sh', '-c', 'echo "$1" && exec cat >/dev/null', 'sh', READY];
    docker
      .run(argv.run(location, service, words, { user }), {
        cwd: location.directory,
        input: new PassThrough(),
        output,
        allowFailure: true,
        ownSession: true,
      })
      .then((result) => resolve(outcome({ ...result, stdout: said })), reject);
  });
  if (failed) return { failed };
  const [id] = await docker.list(argv.oneOffIds(location.name));
  return id === undefined ? { failed: { status: 1, output: 'the container beside it has ended' } } : { id };
}

function outcome({ status, stdout, stderr }: RunResult): Failed {
  return { status: status ?? 1, output: stdout + stderr };
}

async function assertImage(docker: Docker, { image, major }: BesideInput['server'] & {}): Promise<void> {
  if ((await docker.inspect(argv.inspectImages([image]))).length > 0) return;
  throw new UserError({
    code: 'IMAGE_MISSING',
    message: `that moment is of PostgreSQL ${major}, and its image ${image} is not on this machine`,
    hint: `docker pull ${image}      (then the same command again)`,
  });
}
