import type { ComposeProject } from '../project/model.js';
import type { Facts } from './facts.js';

/** The secret of a scaffold that its API reads once, when it creates the first admin. */
const ADMIN_PASSWORD = 'admin_password';

/**
 * Whether the secret is read only once, so that a new file alone changes no password: the database has the
 * password's hash.
 */
export function isReadOnce({ scaffold }: Pick<Facts, 'scaffold'>, secret: string): boolean {
  return scaffold && secret === ADMIN_PASSWORD;
}

/** The first user of a scaffold's API, and where the password is stored. */
export interface FirstLogin {
  /** The API's service. */
  readonly service: string;
  readonly user: string;
  /** Absolute path. The file holds the password until the admin changes it in the API. */
  readonly passwordFile: string;
}

/** Undefined when no service gets the secret from a file. @param project of a scaffold. */
export function firstLogin({ services, secrets }: ComposeProject): FirstLogin | undefined {
  const service = Object.values(services).find((one) =>
    one.secrets.some(({ source }) => source === ADMIN_PASSWORD),
  );
  const file = secrets[ADMIN_PASSWORD]?.file;
  if (!service || file === undefined) return undefined;
  // The API's own default (stack/src/settings/declarations.ts).
  return {
    service: service.name,
    user: service.environment.ADMIN_USERNAME ?? 'admin',
    passwordFile: file,
  };
}
