import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ExitCode, UserError } from '../../errors.js';
import { imageSettings, variablesSetTwice } from '../../postgres/image-variables.js';
import type { ComposeService } from '../../project/model.js';
import { Secret } from '../../system/secret.js';
import type { ContainerSecret } from './secrets.js';

/** Settings that the image's entrypoint takes from the environment when it initialises a data folder. */
export interface DatabaseSettings {
  superuser: string;
  database: string;
  /** Undefined: no password is given. */
  password: Secret | undefined;
  /** More arguments for initdb. */
  initdbArguments: string[];
}

/**
 * Reads the settings from a service's variables as the image does, with {@link imageSettings}.
 * @throws UserError DATABASE_SETTING_TWICE, DATABASE_SETTING_FILE (exit 4)
 */
export function readDatabaseSettings(
  service: ComposeService,
  secrets: readonly ContainerSecret[],
): DatabaseSettings {
  const [twice] = variablesSetTwice(service);
  if (twice !== undefined) {
    throw new UserError({
      code: 'DATABASE_SETTING_TWICE',
      message: `both ${twice} and ${twice}_FILE are set for the service ${service.name} (but are exclusive)`,
      hint: `take one of them out of the compose file; ${twice}_FILE keeps the value out of the environment`,
      exitCode: ExitCode.projectInvalid,
    });
  }
  const { superuser, database, password, initdbArguments, unreadable } = imageSettings(
    service,
    (path) => secrets.find(({ target }) => target === path)?.value.reveal() ?? readMounted(service, path),
  );
  const [missing] = unreadable;
  if (missing !== undefined) {
    throw new UserError({
      code: 'DATABASE_SETTING_FILE',
      message: `${missing} of the service ${service.name} names ${service.environment[missing]}, which no secret and no bind mount provides`,
      hint: 'grant the secret to the service under `secrets:`',
      exitCode: ExitCode.projectInvalid,
    });
  }
  return {
    superuser,
    database,
    password: password === undefined ? undefined : new Secret(password),
    initdbArguments,
  };
}

/** Reads a file that is not a secret but is in a bind mount. */
function readMounted(service: ComposeService, file: string): string | undefined {
  for (const { type, source, target } of service.mounts) {
    if (type !== 'bind' || !source || (file !== target && !file.startsWith(`${target}/`))) continue;
    return readFileSync(join(source, file.slice(target.length)), 'utf8');
  }
  return undefined;
}
