import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ExitCode, UserError } from '../../errors.js';
import { postgresImage } from '../../postgres/image.js';
import type { ComposeProject, ComposeService } from '../../project/model.js';
import { receiverPlace } from '../../project/receiver.js';

/** A service that this engine runs as a PostgreSQL server of this machine. */
export interface DatabaseService {
  kind: 'postgres';
  service: ComposeService;
  /** Major in the image's tag; absent if the tag names none (`postgres`, `postgres:latest`). */
  major?: number;
}

/** A service that this engine runs as a Node package in its build context. */
export interface NodeService {
  kind: 'node';
  service: ComposeService;
  /** Absolute folder of the package. */
  folder: string;
}

/** The service of `db protect`, which this engine runs as a program in the protection's folder. */
export interface ReceiverService {
  kind: 'receiver';
  service: ComposeService;
  /** Absolute folder of the protection. */
  place: string;
}

export type EmbeddedService = DatabaseService | NodeService | ReceiverService;

/**
 * Decides how to run a service without containers.
 * @throws UserError EMBEDDED_UNSUPPORTED_SERVICE (exit 4) for a service that is neither PostgreSQL nor a Node
 * package.
 */
export function classify(service: ComposeService): EmbeddedService {
  const place = receiverPlace(service);
  if (place !== undefined) return { kind: 'receiver', service, place };
  if (service.image !== undefined && !service.build) {
    if (/^(?:[^\s]+\/)?postgres(?::[^@]+)?(?:@.+)?$/.test(service.image)) {
      const { major } = postgresImage(service.image) ?? {};
      checkDatabase(service);
      return { kind: 'postgres', service, ...(major === undefined ? {} : { major }) };
    }
    throw unsupported(service, `it runs the image ${service.image}`);
  }
  const folder = service.build?.context;
  if (!folder || !existsSync(join(folder, 'package.json'))) {
    throw unsupported(service, `its build context ${folder ?? ''} holds no package.json`);
  }
  return { kind: 'node', service, folder };
}

/** Returns the database services of a project; other services are ignored. */
export function databaseServices(project: ComposeProject): DatabaseService[] {
  return Object.values(project.services)
    .filter(
      (service) =>
        service.image !== undefined && !service.build && /(^|\/)postgres(:|@|$)/.test(service.image),
    )
    .map((service) => classify(service))
    .filter((embedded) => embedded.kind === 'postgres');
}

/** Returns the arguments that the service's `command` adds to the server's own. */
export function serverArguments({ service }: DatabaseService): string[] {
  const [first, ...rest] = service.command ?? [];
  if (first === undefined) return [];
  return first === 'postgres' ? rest : [first, ...rest];
}

function checkDatabase(service: ComposeService): void {
  const first = service.command?.[0];
  if (service.entrypoint || (first !== undefined && first !== 'postgres' && !first.startsWith('-'))) {
    throw unsupported(service, 'it replaces the command of the PostgreSQL image');
  }
  const scripts = service.mounts.find(({ target }) => target.startsWith('/docker-entrypoint-initdb.d'));
  if (scripts) {
    throw unsupported(service, 'it mounts scripts at /docker-entrypoint-initdb.d, which only the image runs');
  }
}

function unsupported(service: ComposeService, reason: string): UserError {
  return new UserError({
    code: 'EMBEDDED_UNSUPPORTED_SERVICE',
    message: `the service ${service.name} cannot run without containers: ${reason}; only PostgreSQL and Node packages can`,
    hint: 'start Docker and use --engine docker, or name only services that can: invctl up SERVICE',
    exitCode: ExitCode.projectInvalid,
    details: { service: service.name },
  });
}
