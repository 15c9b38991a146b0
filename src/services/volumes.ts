import type { VolumeStatus } from '../engine/engine.js';
import { UserError } from '../errors.js';
import { nearest } from '../project/nearest.js';
import { changeServices } from './change-project.js';
import type { ServiceContext } from './context.js';

export async function listVolumes(context: ServiceContext): Promise<VolumeStatus[]> {
  return (await context.engine()).volumes(context.project());
}

/** @throws UserError UNKNOWN_VOLUME */
export async function findVolume(context: ServiceContext, keyOrName: string): Promise<VolumeStatus> {
  const volumes = await listVolumes(context);
  const found = volumes.find(({ key, name }) => key === keyOrName || name === keyOrName);
  if (found) return found;
  const names = volumes.map(({ key, name }) => key ?? name);
  const near = nearest(keyOrName, names);
  throw new UserError({
    code: 'UNKNOWN_VOLUME',
    message: `the project "${context.project().name}" has no volume "${keyOrName}"`,
    hint: near
      ? `did you mean ${near}?`
      : names.length > 0
        ? `volumes: ${names.join(', ')}`
        : 'invctl up      (makes its volumes)',
  });
}

/**
 * Removes a volume that nothing uses. The caller has asked for confirmation.
 * @throws UserError VOLUME_IN_USE
 */
export async function removeVolume(
  context: ServiceContext,
  volume: VolumeStatus,
  options: { backup: boolean },
): Promise<{ backup?: string }> {
  return changeServices(context, 'volume rm', [], async (engine, location) => {
    if (!volume.unused) {
      throw new UserError({
        code: 'VOLUME_IN_USE',
        message: `the volume ${volume.name} is used by ${volume.services.join(', ')}`,
        hint: 'invctl down      (the volumes stay), then the same command again',
      });
    }
    let backup: string | undefined;
    if (options.backup) {
      const { backupBeforeLoss } = await import('./backup-before-loss.js');
      backup = await backupBeforeLoss(context, engine, location, volume);
    }
    await engine.removeVolume(location, volume.name);
    return backup ? { backup } : {};
  });
}
