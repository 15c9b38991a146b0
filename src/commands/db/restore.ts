import { command } from '../../cli/command.js';
import type { Context } from '../../cli/context.js';
import { flag, optional, text, texts } from '../../cli/parameters.js';
import { usageError } from '../../errors.js';
import { TransferLine } from '../../output/transfer-line.js';
import { formatDuration } from '../../output/units.js';
import { restore } from '../../services/database/restore.js';
import type { Restored, RestoreInput, RestorePreview } from '../../services/database/restored.js';
import { type DeployedPlace, placeWords } from '../../services/deploy/deployed-place.js';
import { parseTarget, parseTransaction } from '../../services/protection/moment.js';
import { forgetRestores, undoRestore } from '../../services/protection/undo.js';
import { databasePlace, deployedFlag, onlyHere } from './deployed.js';
import { INTO_EXAMPLE, restoredTables, restoreTableCopies } from './restore-table.js';
import { restoreMoment } from './restore-to.js';
import { rowTable } from './row-table.js';
import { broughtBack } from './shapes.js';

export default command({
  summary: 'restore a backup beside the live database, verify it, then swap',
  examples: [
    'invctl db restore shop-20261123T005853Z.dump',
    'invctl db restore backup.sql --yes',
    'invctl db restore --to "2026-11-29 14:05:03"',
    'invctl db restore --to 5m-ago --table orders      (that table alone)',
    'invctl db restore --undo',
    'invctl db restore shop-20261123T005853Z.dump --deployed      (in the Swarm or the cluster)',
    'invctl db restore --forget --confirm shop',
  ],
  args: { file: optional('a path, or a name that `db list` shows; also an SQL dump', { offers: 'backups' }) },
  flags: {
    to: text('time', 'a moment: "2026-11-29 14:05:03", 5m-ago or latest (needs db protect on)'),
    toBefore: text('transaction', 'the moment before this transaction: `db history` shows its number'),
    table: texts('table', 'with --to: only this table, into a new one beside it; may be given again'),
    into: text('name', 'with one --table: what the new table is called', { otherwise: 'TABLE_at_TIME' }),
    deployed: deployedFlag,
    undo: flag('swap back to the previous database, or the previous server'),
    forget: flag('remove the previous databases and servers that restores kept'),
    confirm: text(
      'project',
      "the project's name: with --forget, in a protected environment, for another environment's backup",
    ),
    noRestart: flag('leave the services that use the database running; they have to connect again'),
  },
  data: (z) =>
    z.union([
      z.object({
        from: z
          .string()
          .describe('a file, a base backup, or with --undo the database or the server of before'),
        restored: z.string().describe('name of the live database'),
        previous: z.string().nullable().describe('name of the previous database; null: there was none'),
        rows: z.array(
          z.object({
            table: z.string(),
            before: z.int().nullable().describe('null: there was no such table'),
            after: z.int().nullable(),
          }),
        ),
        restarted: z.array(z.string()),
        swapMs: z.number().describe('milliseconds in which nobody could connect'),
        moment: broughtBack(z).optional().describe('with --to: what was asked for; null: the last one'),
        lastCommit: broughtBack(z).optional().describe('of the last transaction; null: none since the base'),
      }),
      restoredTables(z),
      z.object({ forgotten: z.array(z.string()).describe('databases, and folders of servers') }),
    ]),
  async run(context, { args: { file }, flags }) {
    const { to, toBefore, undo, forget } = flags;
    const given = [file !== undefined, to !== undefined, toBefore !== undefined, undo, forget];
    if (given.filter(Boolean).length !== 1) {
      throw usageError(
        'name a FILE, or use --to, --to-before, --undo or --forget',
        'invctl db list      (the backups)',
      );
    }
    if (flags.deployed && (to !== undefined || toBefore !== undefined)) {
      throw onlyHere(`invctl db restore ${to === undefined ? '--to-before' : '--to'}`);
    }
    if (flags.table.length > 0) return restoreTableCopies(context, flags);
    if (flags.into !== undefined) throw usageError('--into needs --table', INTO_EXAMPLE);
    if (forget) return forgetPrevious(context, flags);
    if (to !== undefined) return restoreMoment(context, parseTarget(to), flags.confirm);
    if (toBefore !== undefined) return restoreMoment(context, parseTransaction(toBefore), flags.confirm);
    // Asks first: nothing is fetched, checked or loaded when nobody can answer the question.
    const project = context.project().name;
    const confirmed = flags.confirm;
    const place = await databasePlace(context, flags.deployed);
    const words = placeWords(place, project);
    const where = words === undefined ? '' : ` in ${words}`;
    context.prompts.assertReplaceable({
      what: `replace the database of ${project}${where}?`,
      project,
      confirmed,
    });
    const line = new TransferLine(await context.output.progress());
    let isSwapped = false;
    const input: RestoreInput & DeployedPlace = {
      ...place,
      restartClients: !flags.noRestart,
      onProgress: (phase, bytes, expected) => {
        isSwapped ||= phase === 'restart';
        line.show(phase, { bytes, expected });
      },
      confirmForeign: async (from) => {
        if (!context.environment) return context.output.note(`note: this is a backup of the project ${from}`);
        line.pause();
        const what = `this replaces the data of ${project} with that of another project, ${from}`;
        await context.prompts.confirmDataLoss({ what, project, confirmed });
      },
      confirm: async (preview) => {
        line.pause();
        context.output.note(describePreview(preview));
        const what = `replace the database ${preview.database}${where}?`;
        await context.prompts.confirmReplacement({ what, project, confirmed });
      },
    };
    try {
      const result =
        file === undefined ? await undoRestore(context, input) : await restore(context, { ...input, file });
      line.done(`${result.restored} is restored; nobody could connect for ${formatDuration(result.swapMs)}`);
      return { data: { ...result }, text: describe(result, where) };
    } catch (error) {
      line.failed(isSwapped ? 'restored; what uses it is not up' : 'not restored');
      throw error;
    }
  },
});

async function forgetPrevious(
  context: Context,
  { confirm: confirmed, deployed }: { confirm: string | undefined; deployed: boolean },
) {
  const place = await databasePlace(context, deployed);
  const ask = (names: readonly string[]) =>
    context.prompts.confirmDataLoss({
      what: `this removes ${names.join(', ')} and all data in ${names.length === 1 ? 'it' : 'them'}`,
      project: context.project().name,
      confirmed,
    });
  const result = await forgetRestores(context, ask, place);
  return { data: result, text: result.forgotten.map((name) => `${name} is gone`).join('\n') };
}

function describePreview({ from, database, rows, notes }: RestorePreview): string {
  const changed = rows.filter(({ before, after }) => before !== after);
  return [
    ...notes.map((note) => `note: ${note}`),
    rows.length === 0
      ? `what ${database} would have is not counted`
      : changed.length === 0
        ? `every table of ${database} has as many rows as in ${from}`
        : `${database} after the restore of ${from}:\n${rowTable(changed)}`,
  ].join('\n');
}

function describe({ from, restored, previous, restarted }: Restored, where: string): string {
  return [
    `${restored}${where} is now what ${from} holds${restarted.length > 0 ? `; restarted: ${restarted.join(', ')}` : ''}`,
    ...(previous === null
      ? ['there was no database before, so there is nothing to undo']
      : [
          `the previous database is kept as ${previous}`,
          'back:  invctl db restore --undo',
          'drop it:  invctl db restore --forget',
        ]),
  ].join('\n');
}
