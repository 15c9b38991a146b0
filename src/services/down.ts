import { forgetEngine } from '../engine/select.js';
import { changeServices } from './change-project.js';
import type { ServiceContext } from './context.js';

export interface DownResult {
  project: string;
  removed: string[];
  /** Without those that the engine leaves: no compose file names them. */
  volumesRemoved: string[];
  /** File of the backup that was taken before the volumes were removed. */
  backup?: string;
}

/** Names of the volumes that `down --volumes` would remove. */
export async function volumesAtStake(context: ServiceContext): Promise<string[]> {
  const engine = await context.engine();
  return (await engine.volumes(context.project())).map(({ name }) => name);
}

/**
 * Stops and removes what runs; with `volumes`, the data too. The caller has asked for confirmation.
 *
 * @param input.backup take a backup of the database before its volume is removed; when that fails, nothing is
 * removed.
 */
export async function down(
  context: ServiceContext,
  input: { volumes: boolean; backup: boolean },
): Promise<DownResult> {
  return changeServices(context, 'down', [], async (engine, location) => {
    const before = await engine.status(location);
    const volumes = input.volumes ? (await engine.volumes(location)).map(({ name }) => name) : [];
    let backup: string | undefined;
    if (volumes.length > 0 && input.backup) {
      const { backupBeforeLoss } = await import('./backup-before-loss.js');
      backup = await backupBeforeLoss(context, engine, location);
    }
    await engine.down(location, { volumes: input.volumes, signal: context.signal });
    const left = volumes.length === 0 ? [] : (await engine.volumes(location)).map(({ name }) => name);
    for (const name of left) {
      context.warn(
        `the volume ${name} stays, as no compose file names it; remove it: invctl volume rm ${name}`,
      );
    }
    if (input.volumes) await forgetEngine(location);
    const { stillDeployed } = await import('./deploy/deployed-project.js');
    const ranHere = before.length > 0 || engine.kind !== 'docker';
    const there = await stillDeployed(context, { ranHere });
    if (there) context.warn(there);
    return {
      project: location.name,
      removed: before.map(({ name }) => name),
      volumesRemoved: volumes.filter((name) => !left.includes(name)),
      ...(backup ? { backup } : {}),
    };
  });
}
