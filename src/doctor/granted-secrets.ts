import type { Facts } from './facts.js';
import { placeOf } from './reading.js';
import { unsetUses } from './unset-variables.js';

/** A secret in a file of this machine that at least one active service gets. */
export interface GrantedSecret {
  name: string;
  /** Absolute. */
  file: string;
  /** Services that get it. */
  services: string[];
}

export function grantedSecrets({ project }: Facts): GrantedSecret[] {
  return Object.entries(project.secrets).flatMap(([name, { file, external }]) => {
    const services = Object.values(project.services)
      .filter(({ secrets }) => secrets.some(({ source }) => source === name))
      .map((service) => service.name);
    return file && !external && services.length > 0 ? [{ name, file, services }] : [];
  });
}

/** Variables that name a file with something that is not secret by itself. */
const NAME_FILE =
  /(?:^|_)(?:USER|USERNAME|USER_NAME|DB|DBNAME|DB_NAME|DATABASE|DATABASE_NAME|HOST|PORT)_FILE$/i;

/** Whether services read a name from the secret, such as `POSTGRES_USER_FILE`, and no password. */
export function holdsName({ project }: Facts, { name, services }: GrantedSecret): boolean {
  const variables = services.flatMap((service) => {
    const { environment = {}, secrets = [] } = project.services[service] ?? {};
    const targets = secrets.filter(({ source }) => source === name).map(({ target }) => target);
    return Object.keys(environment).filter(
      (variable) => variable.endsWith('_FILE') && targets.includes(environment[variable] ?? ''),
    );
  });
  return variables.length > 0 && variables.every((variable) => NAME_FILE.test(variable));
}

/** Where the secret is declared in the compose file. */
export function declaredAt(facts: Facts, secret: string): { file: string; line?: number } | undefined {
  return placeOf(facts.reading, 'secrets', secret, 'file');
}

/** An unset variable in the path of a secret's file: the remaining path is not the intended one. */
export function unsetInPath(facts: Facts, secret: string): string | undefined {
  const at = declaredAt(facts, secret);
  return unsetUses(facts).find(({ file, line }) => file === at?.file && line === at.line)?.name;
}
