import { readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ExitCode, hasErrorCode, UserError } from '../../errors.js';
import type { ComposeProject, ComposeService } from '../../project/model.js';
import { writeFileAtomic } from '../../system/files.js';
import { Secret } from '../../system/secret.js';
import { makeStateFolder } from '../../system/state-root.js';

/** Looks up the project environment: the shell's variables override those of `.env`. */
export type VariableLookup = (name: string) => string | undefined;

export interface ContainerSecret {
  /** Absolute path in the container. */
  target: string;
  value: Secret;
}

/**
 * Reads the secrets that are granted to a service.
 * @throws UserError SECRET_MISSING, SECRET_NOT_A_FILE, SECRET_UNREADABLE (exit 4)
 */
export async function readGrantedSecrets(
  project: ComposeProject,
  service: ComposeService,
  lookup: VariableLookup,
): Promise<ContainerSecret[]> {
  return Promise.all(
    service.secrets.map(async ({ source, target }) => ({
      target,
      value: await readSecret(project, source, lookup),
    })),
  );
}

/** Writes the secrets into a private folder that replaces `/run/secrets`, and removes earlier ones. */
export async function writeSecrets(folder: string, secrets: readonly ContainerSecret[]): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await makeStateFolder(folder, 'private');
  for (const { target, value } of secrets) {
    await writeFileAtomic(join(folder, basename(target)), value.reveal(), 0o400);
  }
}

/** Maps the paths in the container to the paths here. */
export function secretPaths(folder: string, service: ComposeService): Map<string, string> {
  return new Map(service.secrets.map(({ target }) => [target, join(folder, basename(target))]));
}

async function readSecret(project: ComposeProject, name: string, lookup: VariableLookup): Promise<Secret> {
  const definition = project.secrets[name];
  if (definition?.environment !== undefined) {
    const value = lookup(definition.environment);
    if (value !== undefined) return new Secret(value);
    throw secretError('SECRET_MISSING', name, `the variable ${definition.environment} is not set`, 'set it');
  }
  const file = definition?.file;
  if (!file) {
    throw secretError(
      'SECRET_MISSING',
      name,
      'it is external, and only Swarm holds such',
      'give it a `file:`',
    );
  }
  try {
    return new Secret(await readFile(file, 'utf8'));
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENOTDIR')) {
      throw secretError('SECRET_MISSING', name, `${file} is not there`, 'invctl secrets check', file);
    }
    if (hasErrorCode(error, 'EISDIR')) {
      throw secretError(
        'SECRET_NOT_A_FILE',
        name,
        `${file} is a folder; Docker makes one where a mounted file is missing`,
        `rmdir '${file}'      (then write the secret into a file of that name)`,
        file,
      );
    }
    if (hasErrorCode(error, 'EACCES', 'EPERM')) {
      throw secretError('SECRET_UNREADABLE', name, `${file} cannot be read`, `ls -l '${file}'`, file);
    }
    throw error;
  }
}

function secretError(code: string, name: string, reason: string, hint: string, file?: string): UserError {
  return new UserError({
    code,
    message: `the secret ${name} cannot be read: ${reason}`,
    hint,
    exitCode: ExitCode.projectInvalid,
    ...(file ? { file } : {}),
  });
}
