import type { ProjectLocation } from '../../project/locate.js';
import { withDependencies } from '../../project/model.js';
import type { ServiceStatus } from '../service-status.js';
import type { Docker } from './docker.js';
import type { ResolvedProject } from './resolve.js';

/**
 * Returns the location for a command that makes containers, after the files that they mount were copied to
 * their machine.
 */
export async function carried(
  location: ProjectLocation,
  services: readonly string[],
  { resolve, warn }: { resolve: () => Promise<ResolvedProject>; warn: (message: string) => void },
): Promise<ProjectLocation> {
  if (!location.host?.remote) return location;
  const { carryFiles } = await import('./carried-files.js');
  const { config, project } = await resolve();
  return carryFiles(location, config, withDependencies(project, services), warn);
}

/** Returns the statuses with the machine to which their ports belong. */
export async function onMachine(
  { host }: ProjectLocation,
  statuses: readonly ServiceStatus[],
): Promise<ServiceStatus[]> {
  if (!host?.remote) return [...statuses];
  const { sshCommand } = await import('../../system/ssh/address.js');
  const { networkName } = await host.remote.connect();
  const machine = { name: networkName, ssh: sshCommand(host.remote.address) };
  return statuses.map((status) => ({ ...status, machine }));
}

/** Removes unused copies. Best effort: the next `up` or `down` repeats it. */
export async function tidy(docker: Docker, location: ProjectLocation): Promise<void> {
  if (!location.host?.remote) return;
  const { tidyCarried } = await import('./carried-files.js');
  await docker
    .containers(location.name)
    .then((containers) => containers.flatMap(({ Mounts }) => Mounts.map(({ Source }) => Source)))
    .then((mounted) => tidyCarried(location, mounted))
    .catch(() => {});
}
