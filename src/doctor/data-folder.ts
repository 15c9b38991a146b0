import { majorOfImageEnvironment, postgresImage } from '../postgres/image.js';
import { imageSettings } from '../postgres/image-variables.js';
import type { ComposeMount, ComposeService } from '../project/model.js';
import { mountedText, mountOver } from '../project/mounted-file.js';
import type { Facts } from './facts.js';
import { imageOf } from './users.js';

/**
 * The official image's data folder up to 17, and the folder above it that a volume is mounted at from 18 on.
 */
export const OLD_PATH = '/var/lib/postgresql/data';
export const NEW_PATH = '/var/lib/postgresql';
/** The official image itself; its documentation fixes the paths for each major. */
const LIBRARY_IMAGE = /^(docker\.io\/)?(library\/)?postgres(:|@|$)/;
const BITNAMI_PATH = '/bitnami/postgresql/data';

/**
 * PostgreSQL's major version in a service's image: as the image says if the engine has it, else by its name.
 */
export async function imageMajor(facts: Facts, service: ComposeService): Promise<number | undefined> {
  const image = await imageOf(facts, service);
  return (
    majorOfImageEnvironment(image?.Config.Env) ??
    (service.build ? undefined : postgresImage(service.image)?.major)
  );
}

/** The server's data folder in the container; undefined when the image may keep its data anywhere. */
export async function dataFolder(facts: Facts, service: ComposeService): Promise<string | undefined> {
  const { dataDirectory } = imageSettings(service, (path) => mountedText(facts.project, service, path));
  if (dataDirectory !== undefined) return dataDirectory;
  const kind = service.build ? undefined : postgresImage(service.image)?.interface;
  if (kind === 'bitnami') return BITNAMI_PATH;
  const major = kind === 'official' ? await imageMajor(facts, service) : undefined;
  const byMajor = major === undefined ? undefined : major >= 18 ? `${NEW_PATH}/${major}/docker` : OLD_PATH;
  if (byMajor !== undefined && LIBRARY_IMAGE.test(service.image ?? '')) return byMajor;
  // An image that is built from it may use another folder.
  const image = await imageOf(facts, service);
  const own = image?.Config.Env?.find((variable) => variable.startsWith('PGDATA='));
  return own ? own.slice('PGDATA='.length) : byMajor;
}

/** The mount that holds a server's data, as far as it is known. */
async function dataMount(facts: Facts, service: ComposeService): Promise<ComposeMount | undefined> {
  const folder = await dataFolder(facts, service);
  const mount = folder === undefined ? undefined : mountOver(service, folder);
  return mount ?? service.mounts.find(({ target }) => target === OLD_PATH || target === NEW_PATH);
}

/**
 * The engine's volume with the data of the project's database, and whether it exists. Undefined without
 * Docker.
 */
export async function databaseVolume(facts: Facts): Promise<{ name: string; exists: boolean } | undefined> {
  const { database } = facts;
  const docker = await facts.survey();
  if (!database || !docker) return undefined;
  const mount = await dataMount(facts, database);
  const volume = mount?.type === 'volume' ? facts.project.volumes[mount.source ?? ''] : undefined;
  if (!volume) return undefined;
  const exists = (await docker.volumes()).some(({ Name }) => Name === volume.name);
  return { name: volume.name, exists };
}
