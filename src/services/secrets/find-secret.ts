import { existsSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { isReadOnce } from '../../doctor/admin-password.js';
import type { Engine } from '../../engine/engine.js';
import { ExitCode, hasErrorCode, UserError } from '../../errors.js';
import { type Database, findDatabase } from '../../postgres/database.js';
import { variableOf } from '../../postgres/image-variables.js';
import { serviceVariables } from '../../project/environment.js';
import { loadProject } from '../../project/loaded-project.js';
import type { ProjectLocation } from '../../project/locate.js';
import type { ComposeProject, ComposeService } from '../../project/model.js';
import { nearest } from '../../project/nearest.js';
import { readSettings, type SecretProvider } from '../../project/settings-file.js';
import { isSecretName, Secret } from '../../system/secret.js';
import { LOCK_PATH } from '../../template/lock.js';
import type { ServiceContext } from '../context.js';
import { holders } from './holders.js';

/** A secret in a file of this machine. */
export interface FoundSecret {
  name: string;
  /**
   * `password`: the database superuser's. `admin`: the scaffold admin's. `variable`: a line of an env file.
   */
  kind: 'password' | 'admin' | 'file' | 'variable';
  /** Absolute, symbolic links resolved. */
  file: string;
  /** Services that get it, running or not. */
  services: string[];
  /** Only with kind `password`. */
  database?: Database;
}

/**
 * Finds the secret of this name: one of the compose file's `secrets`, or a variable that an env file sets.
 * Without a name, the database's password.
 *
 * @throws UserError UNKNOWN_SECRET (exit 2), PASSWORD_IN_CLEAR, SECRET_NOT_A_FILE, SECRET_MISSING
 */
export async function findSecret(
  context: ServiceContext,
  engine: Engine,
  name: string | undefined,
): Promise<FoundSecret> {
  const location = context.project();
  const project = await engine.resolve(location);
  const database =
    name === undefined ? await findDatabase(engine, location) : await databaseIfAny(engine, location);
  const password = database && passwordSecret(database.service);
  const wanted = name ?? password;
  if (wanted === undefined) throw passwordInClear(database?.service, 'POSTGRES_PASSWORD');
  if (!(wanted in project.secrets)) return findVariable(context, project, database, wanted);
  const file = await secretFile(project, wanted, (await readSettings(location)).secrets[wanted]);
  const found = { name: wanted, file, services: await holders(project, wanted, file) };
  if (database && wanted === password) {
    await assertNotInClear(project, file);
    return {
      ...found,
      kind: 'password',
      // The server read it only once, when its volume was initialised.
      services: found.services.filter((service) => service !== database.service.name),
      database,
    };
  }
  if (isReadOnce({ scaffold: existsSync(join(location.directory, LOCK_PATH)) }, wanted)) {
    return { ...found, kind: 'admin' };
  }
  return { ...found, kind: 'file' };
}

/** The project's database; undefined when there is none, or it is not clear which service it is. */
export async function databaseIfAny(
  engine: Engine,
  location: ProjectLocation,
): Promise<Database | undefined> {
  return findDatabase(engine, location).catch((error) => {
    if (error instanceof UserError && /^(NO_DATABASE|DATABASE_UNDECIDED)$/.test(error.code)) return undefined;
    throw error;
  });
}

/** The secret that `POSTGRES_PASSWORD_FILE` names; undefined when it names another file. */
export function passwordSecret(service: ComposeService): string | undefined {
  const variable = variableOf(service, 'password');
  const path = variable.endsWith('_FILE') ? service.environment[variable] : undefined;
  return service.secrets.find(({ target }) => target === path)?.source;
}

/** The path in the compose file. @throws UserError SECRET_NOT_A_FILE */
export function declaredFile(project: ComposeProject, name: string): string {
  const { file, environment } = project.secrets[name] ?? {};
  if (file !== undefined) return file;
  throw new UserError({
    code: 'SECRET_NOT_A_FILE',
    message:
      environment === undefined
        ? `the secret ${name} is external: only whoever made it can change it`
        : `the secret ${name} comes from the variable ${environment} of the shell that runs Compose, not from a file`,
    hint: `give it a file in the compose file:\n  secrets: {${name}: {file: ./secrets/${name}.txt}}`,
    exitCode: ExitCode.projectInvalid,
  });
}

async function secretFile(
  project: ComposeProject,
  name: string,
  provider: SecretProvider | undefined,
): Promise<string> {
  const file = declaredFile(project, name);
  try {
    return await realpath(file);
  } catch (error) {
    if (!hasErrorCode(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new UserError({
      code: 'SECRET_MISSING',
      message: `the secret ${name} has no file: ${file}`,
      hint: provider ? 'invctl up      (asks its provider)' : `invctl secrets set ${name}`,
      exitCode: ExitCode.projectInvalid,
      file,
    });
  }
}

/** A service with the password in its environment would keep the old one. */
async function assertNotInClear(project: ComposeProject, file: string): Promise<void> {
  const password = (await readFile(file, 'utf8')).trim();
  if (password === '') return;
  const written = new Set([password, encodeURIComponent(password)]);
  for (const service of Object.values(project.services)) {
    for (const [name, value] of Object.entries(service.environment)) {
      if (value === null) continue;
      const clear =
        (isSecretName(name) && value === password) ||
        [...written].some((one) => value.includes(`:${one}@`) || value.includes(`password=${one}`));
      if (clear) throw passwordInClear(service, name);
    }
  }
}

function findVariable(
  { project: locate, env }: ServiceContext,
  project: ComposeProject,
  database: Database | undefined,
  name: string,
): FoundSecret {
  const location = locate();
  const places = isSecretName(name) ? variablePlaces(location, env, name) : [];
  const [place] = places;
  if (!place) throw unknownSecret(project, name);
  const elsewhere = places.find(({ file }) => file === undefined || file !== place.file);
  if (place.file === undefined || elsewhere) {
    throw new UserError({
      code: 'SECRET_NOT_A_FILE',
      message: `${name} does not come from one env file alone: invctl changes no compose file`,
      hint: `invctl env explain ${name}`,
      exitCode: ExitCode.projectInvalid,
    });
  }
  const variable = database && variableOf(database.service, 'password');
  const initial = variable?.endsWith('_FILE') ? undefined : database?.service.environment[variable ?? ''];
  if (
    database &&
    variable &&
    (name === variable ||
      `${name}_FILE` === variable ||
      (initial && places.some(({ value }) => value.reveal() === initial)))
  ) {
    throw passwordInClear(database.service, variable);
  }
  return { name, kind: 'variable', file: place.file, services: places.map(({ service }) => service) };
}

/** Services that have the variable, and the env file if the value comes from one. */
function variablePlaces(
  location: ProjectLocation,
  env: NodeJS.ProcessEnv,
  name: string,
): { service: string; file?: string; value: Secret }[] {
  const project = loadProject(location, env);
  return [...project.active].flatMap((service) => {
    const [source] = serviceVariables(project, service, () => {}).get(name)?.sources ?? [];
    if (!source?.value) return [];
    const file = source.kind === 'env_file' && source.interpolated.length === 0 ? source.at?.file : undefined;
    return [{ service, value: new Secret(source.value), ...(file === undefined ? {} : { file }) }];
  });
}

function passwordInClear(service: ComposeService | undefined, variable: string): UserError {
  return new UserError({
    code: 'PASSWORD_IN_CLEAR',
    message: `the service ${service?.name} has the database's password in its environment (${variable}): it would go on with the old one`,
    hint: `make it a secret first: POSTGRES_PASSWORD_FILE: /run/secrets/db_password in the database's environment,\nand the secret db_password in both services; where the value is now: invctl env explain ${variable}`,
    exitCode: ExitCode.projectInvalid,
    details: { service: service?.name, variable },
  });
}

export function unknownSecret(project: ComposeProject, name: string): UserError {
  const known = Object.keys(project.secrets);
  const near = nearest(name, known);
  return new UserError({
    code: 'UNKNOWN_SECRET',
    message: `no service gets a secret called ${name}, and no env file sets a secret variable of that name`,
    hint: near ? `did you mean ${near}?` : `secrets: ${known.join(', ') || 'none'}`,
    exitCode: ExitCode.usage,
  });
}
