import { readFile } from 'node:fs/promises';
import { UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import type { BesideInput, BesideTrial } from '../trials.js';
import * as argv from './argv.js';
import { type DataContainer, openDataContainer } from './data-container.js';
import type { Docker } from './docker.js';
import { prepareTrial } from './open-trial.js';
import { configWith } from './resolve.js';

/** See `Trials.prepareBeside`. */
export async function prepareBeside(
  docker: Docker,
  live: ProjectLocation,
  { name, project, service, dataDirectory, folder, files, server }: BesideInput,
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
      container ??= openDataContainer(trial, service.name, { user, files });
      return (await container).run(command, input);
    },
  };
}

async function assertImage(docker: Docker, { image, major }: BesideInput['server'] & {}): Promise<void> {
  if ((await docker.inspect(argv.inspectImages([image]))).length > 0) return;
  throw new UserError({
    code: 'IMAGE_MISSING',
    message: `that moment is of PostgreSQL ${major}, and its image ${image} is not on this machine`,
    hint: `docker pull ${image}      (then the same command again)`,
  });
}
