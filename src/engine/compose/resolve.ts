import { statSync } from 'node:fs';
import { ExitCode, UserError } from '../../errors.js';
import type { ComposeConfig } from '../../project/from-config.js';
import type { ProjectLocation } from '../../project/locate.js';
import type { ComposeProject } from '../../project/model.js';
import * as argv from './argv.js';
import { composeComplaint, type Docker, failedCommand } from './docker.js';
import { explainDockerError } from './errors.js';

export interface ResolvedProject {
  /** The output of `docker compose config`. */
  config: ComposeConfig;
  project: ComposeProject;
}

/** Lets Compose read a project, and again only if one of its files changed: a command may edit one. */
export function createResolver(
  docker: Docker,
  env: NodeJS.ProcessEnv,
): (location: ProjectLocation) => Promise<ResolvedProject> {
  const resolved = new Map<string, Promise<ResolvedProject>>();
  return (location) => {
    const key = location.files.map((file) => `${file} ${statSync(file).mtimeMs}`).join('\n');
    const known = resolved.get(key) ?? resolveProject(docker, env, location);
    resolved.set(key, known);
    return known;
  };
}

async function resolveProject(
  docker: Docker,
  env: NodeJS.ProcessEnv,
  location: ProjectLocation,
): Promise<ResolvedProject> {
  const { projectFromConfig } = await import('../../project/from-config.js');
  const result = await docker.run(argv.config(location), { cwd: location.directory, allowFailure: true });
  if (result.status === 0) {
    const config = JSON.parse(result.stdout) as ComposeConfig;
    return { config, project: projectFromConfig(config, location) };
  }
  const known = explainDockerError(failedCommand(result));
  if (known instanceof UserError && known.exitCode === ExitCode.engineUnavailable) throw known;
  // Most of Compose's errors name no line. Our own reader names it.
  const { readProject } = await import('../../project/read.js');
  await readProject(location, env);
  throw new UserError({
    code: 'COMPOSE_INVALID',
    message: `Compose refuses the project: ${composeComplaint(result.stderr).trim()}`,
    hint: 'docker compose config',
    exitCode: ExitCode.projectInvalid,
    file: location.files.at(-1) as string,
  });
}

/** See `Trials.configWith`. */
export async function configWith(
  docker: Docker,
  location: ProjectLocation,
  file: string,
  text: string,
): Promise<ComposeConfig> {
  const result = await docker.run(argv.configWith(location, file), {
    cwd: location.directory,
    input: text,
    allowFailure: true,
  });
  if (result.status === 0) return JSON.parse(result.stdout) as ComposeConfig;
  throw new UserError({
    code: 'COMPOSE_INVALID',
    message: `Compose refuses the project: ${composeComplaint(result.stderr).trim()}`,
    hint: 'docker compose config',
    exitCode: ExitCode.projectInvalid,
    file,
  });
}
