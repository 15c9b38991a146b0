import type { Context } from '../../cli/context.js';
import { TransferLine } from '../../output/transfer-line.js';
import { count, formatDuration } from '../../output/units.js';
import { restore } from '../../services/database/restore.js';
import type { Restored } from '../../services/database/restored.js';
import type { DeployedCluster } from '../../services/deploy/cluster-project.js';

/** Stops before anything is deployed when nobody can answer the question. */
export function assertAnswerable(context: Context): void {
  const project = context.project().name;
  const what = `replace the database of ${project} in the cluster?`;
  context.prompts.assertReplaceable({ what, project, confirmed: undefined });
}

/**
 * Restores a backup into the database of a cluster: verified, loaded beside what is there, counted, and only
 * then swapped.
 */
export async function restoreInto(
  context: Context,
  file: string,
  cluster: DeployedCluster,
): Promise<Restored> {
  const line = new TransferLine(await context.output.progress());
  const project = context.project().name;
  try {
    const result = await restore(context, {
      file,
      cluster,
      restartClients: true,
      onProgress: (phase, bytes, expected) => line.show(phase, { bytes, expected }),
      confirmForeign: async (from) => context.output.note(`note: this is a backup of the project ${from}`),
      confirm: async ({ database, notes }) => {
        line.pause();
        for (const note of notes) context.output.note(`note: ${note}`);
        const what = `replace the database ${database} in the cluster?`;
        await context.prompts.confirmReplacement({ what, project, confirmed: undefined });
      },
    });
    line.done(`${result.restored} is restored; nobody could connect for ${formatDuration(result.swapMs)}`);
    return result;
  } catch (error) {
    line.failed('deployed, and not restored');
    throw error;
  }
}

export function describeRestored({ from, restored, previous, rows, restarted }: Restored): string {
  const total = rows.reduce((sum, { after }) => sum + (after ?? 0), 0);
  return [
    `${restored} is now what ${from} holds: ${count(rows.length, 'table')}, ${count(total, 'row')}, counted in the cluster`,
    ...(restarted.length > 0 ? [`restarted: ${restarted.join(', ')}`] : []),
    ...(previous === null ? [] : [`the database that was there is kept as ${previous}`]),
  ].join('\n');
}
