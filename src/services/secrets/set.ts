import { readdirSync, statSync } from 'node:fs';
import { ExitCode, UserError } from '../../errors.js';
import type { Database } from '../../postgres/database.js';
import { writeSecretFile } from '../../project/secret-file.js';
import { providerCommand } from '../../project/secret-provider.js';
import { readSettings } from '../../project/settings-file.js';
import { SETTINGS_FILE } from '../../project/settings-path.js';
import { withProjectLock } from '../../system/lock.js';
import type { Secret } from '../../system/secret.js';
import type { ServiceContext } from '../context.js';
import { databaseIfAny, declaredFile, passwordSecret, unknownSecret } from './find-secret.js';
import { holders, runningAmong } from './holders.js';

export interface SetInput {
  name: string;
  /** Asks for the value, after all checks. */
  read: () => Promise<Secret>;
  /** Asks for confirmation to overwrite the existing value; throws to stop. */
  confirm: () => Promise<void>;
}

export interface SecretWritten {
  secret: string;
  file: string;
  replaced: boolean;
  /** Running services that keep the value from their start. */
  stale: string[];
}

/**
 * Writes the value of a secret of the compose file into its file.
 *
 * @throws UserError UNKNOWN_SECRET (exit 2), SECRET_NOT_A_FILE, SECRET_HAS_PROVIDER, SECRET_IS_DIRECTORY,
 * SECRET_GUARDS_DATA for the password of a database that has data, SECRET_EMPTY, and what `read` and
 * `confirm` throw.
 */
export async function setSecret(
  context: ServiceContext,
  { name, read, confirm }: SetInput,
): Promise<SecretWritten> {
  const location = context.project();
  const engine = await context.engine();
  const project = await engine.resolve(location);
  if (!(name in project.secrets)) throw unknownSecret(project, name);
  const file = declaredFile(project, name);
  const provider = (await readSettings(location)).secrets[name];
  if (provider) {
    throw new UserError({
      code: 'SECRET_HAS_PROVIDER',
      message: `the value of ${name} comes from a command (secrets.${name} in ${SETTINGS_FILE}): ${providerCommand(provider)}`,
      hint: `change it there, then: invctl secrets rotate ${name}`,
    });
  }
  const database = await databaseIfAny(engine, location);
  return withProjectLock(location, { command: 'invctl secrets set', signal: context.signal }, async () => {
    if (database && passwordSecret(database.service) === name && (await hasData(database))) {
      throw new UserError({
        code: 'SECRET_GUARDS_DATA',
        message: `${name} is the password of a database that has data: the server would keep the old one`,
        hint: `invctl secrets rotate ${name}`,
      });
    }
    const before = statSync(file, { throwIfNoEntry: false });
    if (before?.isDirectory()) {
      throw new UserError({
        code: 'SECRET_IS_DIRECTORY',
        message: `${file} is a folder: an engine makes one where a file was missing`,
        hint: `rmdir '${file}'`,
        exitCode: ExitCode.projectInvalid,
        file,
      });
    }
    const replaced = before !== undefined && before.size > 0;
    if (replaced) await confirm();
    const value = await read();
    if (value.reveal().trim() === '') {
      throw new UserError({
        code: 'SECRET_EMPTY',
        message: `the value for ${name} is empty; nothing was changed`,
      });
    }
    await writeSecretFile(file, value, before && before.mode & 0o777);
    const stale = await runningAmong(engine, location, await holders(project, name, file));
    return { secret: name, file, replaced, stale };
  });
}

/**
 * Whether the server may already have read its password, which it does once, when its data folder is empty.
 */
async function hasData({ engine, location, project, service }: Database): Promise<boolean> {
  const statuses = await engine.status(location);
  if (statuses.some(({ name, state }) => name === service.name && state !== 'absent')) return true;
  const mounts = service.mounts.filter(({ target }) => /^\/var\/lib\/postgresql(\/|$)/.test(target));
  const folders = mounts.filter(({ type }) => type === 'bind').map(({ source }) => source ?? '');
  if (folders.some((folder) => !isEmptyFolder(folder))) return true;
  const names = mounts.map(({ source }) => project.volumes[source ?? '']?.name);
  return (await engine.volumes(location)).some(
    ({ name, services }) => names.includes(name) || services.includes(service.name),
  );
}

function isEmptyFolder(folder: string): boolean {
  if (!statSync(folder, { throwIfNoEntry: false })) return true;
  return readdirSync(folder).length === 0;
}
