import type { Context } from '../../cli/context.js';
import { TransferLine } from '../../output/transfer-line.js';
import { count, formatBytes, formatDuration } from '../../output/units.js';
import type { RowDifference } from '../../services/database/restored.js';
import { sayMoment, type Target } from '../../services/protection/moment.js';
import { type RestoredTo, type RestoreToPreview, restoreTo } from '../../services/protection/restore-to.js';
import type { DatabaseDifference, ServerDifference } from '../../services/protection/whole-server.js';
import { rowTable } from './row-table.js';

/** `db restore --to` and `--to-before`. */
export async function restoreMoment(context: Context, target: Target, confirmed: string | undefined) {
  const project = context.project().name;
  context.prompts.assertReplaceable({ what: `replace the database of ${project}?`, project, confirmed });
  if (target.kind === 'moment') context.output.note(`the moment is ${sayMoment(target.at)}`);
  const line = new TransferLine(await context.output.progress());
  let isSwapped = false;
  try {
    const result = await restoreTo(context, {
      target,
      onStep: (step) => {
        isSwapped ||= step === 'restart';
        line.show(step, { bytes: 0 });
      },
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
    line.failed(
      isSwapped ? 'brought back; what uses it is not up' : 'not brought back; the live database is as it was',
    );
    throw error;
  }
}

/** The time as in JSON. */
export function isoOrNull(at: Date | null): string | null {
  return at === null ? null : at.toISOString();
}

function describePreview({ database, rows, lastCommit, compared, server }: RestoreToPreview): string {
  const last = lastCommit === null ? 'nothing since the base backup' : sayMoment(lastCommit);
  const difference = compared
    ? describeRows(database, rows)
    : `what ${database} would have:\n${rowTable(rows)}`;
  return [
    `the last transaction that is brought back: ${last}`,
    difference,
    ...(server ? describeServer(server) : []),
  ].join('\n');
}

function describeRows(database: string, rows: readonly RowDifference[]): string {
  const changed = rows.filter(({ before, after }) => before !== after);
  return changed.length === 0
    ? `every table of ${database} has as many rows as now`
    : `${database} as it would be:\n${rowTable(changed)}`;
}

/** What goes back with the project's database. */
function describeServer({ databases, roles }: ServerDifference): string[] {
  const same = databases.filter((one) => isSame(one)).map(({ name }) => name);
  const named = (what: string, names: readonly string[]) =>
    names.length === 0 ? [] : [`${what}: ${names.join(', ')}`];
  return [
    ...(databases.length === 0
      ? []
      : [`what else is in the server goes back, too: ${count(databases.length, 'database')}`]),
    ...databases.filter((one) => !isSame(one)).map(describeDatabase),
    ...named('every table has as many rows as now', same),
    ...named('roles that are removed', roles.gone),
    ...named('roles that come back', roles.back),
    ...named('roles that get the password of then', roles.password),
  ];
}

function isSame({ bytesBefore, bytesAfter, rows }: DatabaseDifference): boolean {
  const there = bytesBefore !== null && bytesAfter !== null;
  return there && rows?.every(({ before, after }) => before === after) === true;
}

function describeDatabase({ name, bytesBefore, bytesAfter, rows }: DatabaseDifference): string {
  if (bytesAfter === null)
    return `${name} is removed, with all that is in it (${formatBytes(bytesBefore ?? 0)})`;
  if (bytesBefore === null) return `${name} comes back (${formatBytes(bytesAfter)})`;
  return rows ? describeRows(name, rows) : `${name} (${formatBytes(bytesBefore)}): its rows are not counted`;
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
