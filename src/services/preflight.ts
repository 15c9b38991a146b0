import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, relative } from 'node:path';
import type { Engine } from '../engine/engine.js';
import { ExitCode, UserError } from '../errors.js';
import type { ProjectLocation } from '../project/locate.js';
import { type ComposeProject, type ComposeService, withDependencies } from '../project/model.js';
import { findFreePort, findListener, isPortFree } from '../system/ports.js';

/**
 * What would stop `up` half-way, found before anything is started: secrets, build folders, ports.
 *
 * @throws UserError for the first thing that is wrong, each kind with its own code.
 */
export async function preflight(
  engine: Engine,
  location: ProjectLocation,
  project: ComposeProject,
  services: readonly string[],
): Promise<void> {
  const wanted = withDependencies(project, services);
  const chosen = Object.values(project.services).filter(({ name }) => wanted.has(name));
  for (const service of chosen) {
    checkBuild(location, service);
    checkSecrets(location, project, service);
  }
  await checkPorts(engine, location, chosen);
}

function checkBuild(location: ProjectLocation, service: ComposeService): void {
  if (!service.build || /^[a-z+]+:\/\/|^git@/i.test(service.build.context)) return;
  const { context } = service.build;
  if (!existsSync(context)) {
    throw new UserError({
      code: 'BUILD_CONTEXT_MISSING',
      message: `the service "${service.name}" is built from ${shown(location, context)}, which is not there`,
      hint: 'invctl init      (writes what is missing and changes nothing else)',
      exitCode: ExitCode.projectInvalid,
    });
  }
}

function checkSecrets(location: ProjectLocation, project: ComposeProject, service: ComposeService): void {
  for (const { source } of service.secrets) {
    const file = project.secrets[source]?.file;
    if (!file) continue;
    const path = shown(location, file);
    const make = `invctl init      (makes it)   or: (umask 077; openssl rand -hex 24 | tr -d '\\n' > '${path}')`;
    const problem = (code: string, message: string, hint: string) =>
      new UserError({
        code,
        message,
        hint,
        exitCode: ExitCode.projectInvalid,
        file,
        details: { secret: source },
      });
    if (!existsSync(file)) {
      throw problem(
        'SECRET_MISSING',
        `the secret "${source}" of "${service.name}" has no file: ${path}`,
        make,
      );
    }
    if (statSync(file).isDirectory()) {
      throw problem(
        'SECRET_IS_DIRECTORY',
        `the secret "${source}" is a folder, not a file: ${path} (an engine makes one where a file was missing)`,
        `rmdir '${path}' && invctl init`,
      );
    }
    if (readFileSync(file).toString('utf8').trim() === '') {
      throw problem(
        'SECRET_EMPTY',
        `the secret "${source}" is empty: ${path}`,
        `rm '${path}' && invctl init`,
      );
    }
  }
}

async function checkPorts(
  engine: Engine,
  location: ProjectLocation,
  services: readonly ComposeService[],
): Promise<void> {
  for (const service of services) {
    for (const { published, hostIp, protocol } of service.ports) {
      if (published === undefined || protocol !== 'tcp') continue;
      const host = hostIp ?? '0.0.0.0';
      if (await isPortFree(host, published)) continue;
      const owner = await engine.portOwner(location, published);
      if (owner?.project === location.name) continue;
      throw await portError(location, service, host, published, owner);
    }
  }
}

async function portError(
  location: ProjectLocation,
  service: ComposeService,
  host: string,
  port: number,
  owner: Awaited<ReturnType<Engine['portOwner']>>,
): Promise<UserError> {
  const listener = owner ? undefined : await findListener(port);
  const free = await findFreePort(host, port);
  const who = owner
    ? `the container ${owner.instance}${owner.project ? ` of the project "${owner.project}"` : ''}`
    : listener
      ? `the process ${listener.pid} (${listener.name})`
      : 'a process that you may not look into';
  const stop = owner
    ? `docker stop ${owner.instance}`
    : listener
      ? `ps -p ${listener.pid} -o pid,user,etime,args`
      : `sudo ss -ltnp 'sport = :${port}'`;
  return new UserError({
    code: 'PORT_IN_USE',
    message: `port ${port} of "${service.name}" is held by ${who}`,
    hint: `${stop}      (then stop it)\nor publish another port: in ${basename(location.files[0] ?? 'compose.yaml')}, ${port} → ${free}, which is free`,
    details: {
      port,
      freePort: free,
      ...(listener ? { pid: listener.pid, process: listener.name } : {}),
      ...(owner ? { container: owner.instance } : {}),
    },
  });
}

function shown(location: ProjectLocation, path: string): string {
  const inside = relative(location.directory, path);
  return inside.startsWith('..') ? path : inside || '.';
}
