import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ExitCode, UserError } from '../../errors.js';
import type { ComposeService } from '../../project/model.js';
import { serverPassword } from '../../project/secret-file.js';
import { Secret } from '../../system/secret.js';
import type { GrantedSecret } from './secrets.js';

/** What the image's entrypoint takes from the environment when it initialises a data folder. */
export interface DatabaseSettings {
  superuser: string;
  database: string;
  /** Absent: none is given. */
  password: Secret | undefined;
  /** More arguments for initdb. */
  initdbArguments: string[];
}

/**
 * Reads `POSTGRES_USER`, `POSTGRES_DB`, `POSTGRES_PASSWORD` and `POSTGRES_INITDB_ARGS`, each also as `…_FILE`, by
 * the rules of the image's docker-entrypoint.sh: a file's final line feeds are cut off, the user is `postgres` by
 * default, the database is named after the user.
 *
 * @throws UserError DATABASE_SETTING_TWICE, DATABASE_SETTING_FILE (exit 4)
 */
export function readDatabaseSettings(
  service: ComposeService,
  secrets: readonly GrantedSecret[],
): DatabaseSettings {
  const setting = (name: string) => readSetting(service, secrets, name);
  const superuser = setting('POSTGRES_USER') ?? 'postgres';
  const password = setting('POSTGRES_PASSWORD');
  return {
    superuser,
    database: setting('POSTGRES_DB') ?? superuser,
    password: password === undefined ? undefined : new Secret(serverPassword(password)),
    initdbArguments: setting('POSTGRES_INITDB_ARGS')?.split(/\s+/).filter(Boolean) ?? [],
  };
}

function readSetting(
  service: ComposeService,
  secrets: readonly GrantedSecret[],
  name: string,
): string | undefined {
  const fileName = `${name}_FILE`;
  const value = service.environment[name] || undefined;
  const file = service.environment[fileName] || undefined;
  if (value !== undefined && file !== undefined) {
    throw new UserError({
      code: 'DATABASE_SETTING_TWICE',
      message: `both ${name} and ${fileName} are set for the service ${service.name} (but are exclusive)`,
      hint: `take one of them out of the compose file; ${fileName} keeps the value out of the environment`,
      exitCode: ExitCode.projectInvalid,
    });
  }
  if (file === undefined) return value;
  const granted = secrets.find(({ target }) => target === file);
  return (granted?.value.reveal() ?? readMounted(service, file, fileName)).replace(/\n+$/, '') || undefined;
}

/** A file that is no secret but lies in a bind mount. */
function readMounted(service: ComposeService, file: string, variable: string): string {
  for (const { type, source, target } of service.mounts) {
    if (type !== 'bind' || !source || (file !== target && !file.startsWith(`${target}/`))) continue;
    return readFileSync(join(source, file.slice(target.length)), 'utf8');
  }
  throw new UserError({
    code: 'DATABASE_SETTING_FILE',
    message: `${variable} of the service ${service.name} names ${file}, which no secret and no bind mount provides`,
    hint: 'grant the secret to the service under `secrets:`',
    exitCode: ExitCode.projectInvalid,
  });
}
