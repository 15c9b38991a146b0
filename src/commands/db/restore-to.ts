import type { Context } from '../../cli/context.js';
import { TransferLine } from '../../output/transfer-line.js';
import { formatDuration } from '../../output/units.js';
import { sayMoment, type Target } from '../../services/protection/moment.js';
import { type RestoredTo, type RestoreToPreview, restoreTo } from '../../services/protection/restore-to.js';
import { rowTable } from './row-table.js';

/** `db restore --to` and `--to-before`. */
export async function restoreMoment(context: Context, target: Target, confirmed: string | undefined) {
  const project = context.project().name;
  context.prompts.assertReplaceable({ what: `replace the database of ${project}?`, project, confirmed });
  if (target.kind === 'moment') context.output.note(`the moment is ${sayMoment(target.at)}`);
  const line = new TransferLine(await context.output.progress());
  try {
    const result = await restoreTo(context, {
      target,
      onStep: (step) => line.show(step, { bytes: 0 }),
      confirm: async (preview) => {
        line.pause();
        context.output.note(describePreview(preview));
        const what = `replace the database ${preview.database}, and all of its server?`;
        await context.prompts.confirmReplacement({ what, project, confirmed });
      },
    });
    line.done(
      `${result.restored} is brought back; nobody could connect for ${formatDuration(result.swapMs)}`,
    );
    const { moment, lastCommit } = result;
    return {
      data: { ...result, moment: isoOrNull(moment), lastCommit: isoOrNull(lastCommit) },
      text: describe(result),
    };
  } catch (error) {
    line.failed('not brought back; the live database is as it was');
    throw error;
  }
}

/** The time as in JSON. */
export function isoOrNull(at: Date | null): string | null {
  return at === null ? null : at.toISOString();
}

function describePreview({ database, rows, lastCommit, compared }: RestoreToPreview): string {
  const last = lastCommit === null ? 'nothing since the base backup' : sayMoment(lastCommit);
  const changed = rows.filter(({ before, after }) => before !== after);
  const difference = !compared
    ? `what ${database} would have:\n${rowTable(rows)}`
    : changed.length === 0
      ? `every table of ${database} has as many rows as now`
      : `${database} as it would be:\n${rowTable(changed)}`;
  return `the last transaction that is brought back: ${last}\n${difference}`;
}

function describe({ restored, lastCommit, restarted, previous }: RestoredTo): string {
  return [
    `${restored} is as it was${lastCommit === null ? ' at the base backup' : ` after its transaction of ${sayMoment(lastCommit)}`}${restarted.length > 0 ? `; restarted: ${restarted.join(', ')}` : ''}`,
    ...(previous === null
      ? ['there was no server before, so there is nothing to undo']
      : [
          'the server of before is kept on the same volume',
          'back:  invctl db restore --undo',
          'remove it:  invctl db restore --forget',
        ]),
    ...(restarted.length > 0 ? [] : ['start the rest:  invctl up']),
  ].join('\n');
}
