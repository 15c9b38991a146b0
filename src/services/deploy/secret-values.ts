import { readFile, stat } from 'node:fs/promises';
import { ExitCode, hasErrorCode, UserError } from '../../errors.js';
import type { ExportSource } from '../../export/source.js';
import { explainReadError } from '../../system/files.js';

/** Largest secret in bytes: both orchestrators keep secrets in etcd or raft, which takes no more. */
const LARGEST_SECRET = 500 * 1024;

/**
 * The bytes of a secret of the compose file, as Compose would mount them.
 *
 * @throws UserError SECRET_MISSING, SECRET_EMPTY, SECRET_TOO_LARGE (exit 4)
 */
export async function secretContent(
  { project, loaded }: Pick<ExportSource, 'project' | 'loaded'>,
  key: string,
): Promise<Buffer> {
  const { file, environment } = project.secrets[key] ?? {};
  if (file !== undefined) return contentOfFile(key, file);
  const value = environment === undefined ? undefined : loaded.environment.lookup(environment);
  if (value === undefined) {
    throw invalid('SECRET_MISSING', `the variable ${environment} of the secret ${key} is not set`, {
      hint: `export ${environment}=…`,
    });
  }
  return sized(key, Buffer.from(value), `export ${environment}=…`);
}

async function contentOfFile(key: string, file: string): Promise<Buffer> {
  const hint = `invctl secrets set ${key}`;
  try {
    // A FIFO, such as `<(…)` of a shell, has no size, so it is read to its end.
    if (!(await stat(file)).isDirectory()) return sized(key, await readFile(file), hint, file);
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (!hasErrorCode(error, 'ENOENT', 'ENOTDIR')) throw explainReadError(error, file);
  }
  throw invalid('SECRET_MISSING', `the secret ${key} has no file: ${file}`, { hint, file });
}

function sized(key: string, content: Buffer, hint: string, file?: string): Buffer {
  const where = file === undefined ? { hint } : { hint, file };
  if (content.length === 0) throw invalid('SECRET_EMPTY', `the secret ${key} is empty`, where);
  if (content.length > LARGEST_SECRET) {
    throw invalid(
      'SECRET_TOO_LARGE',
      `the secret ${key} has ${content.length} bytes, and an orchestrator takes ${LARGEST_SECRET}`,
      { ...where, hint: 'mount what is not secret in it as a config, or put it into the image' },
    );
  }
  return content;
}

function invalid(code: string, message: string, fields: { hint: string; file?: string }): UserError {
  return new UserError({ code, message, exitCode: ExitCode.projectInvalid, ...fields });
}
