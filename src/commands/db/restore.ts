import { command } from '../../cli/command.js';
import type { Context } from '../../cli/context.js';
import { flag, optional, text } from '../../cli/parameters.js';
import { usageError } from '../../errors.js';
import { table } from '../../output/table.js';
import { TransferLine } from '../../output/transfer-line.js';
import { count, formatDuration } from '../../output/units.js';
import { forget, restore, undo } from '../../services/database/restore.js';
import type {
  Restored,
  RestoreInput,
  RestorePreview,
  RowDifference,
} from '../../services/database/restored.js';

export default command({
  summary: 'restore a backup beside the live database, verify it, then swap',
  examples: [
    'invctl db restore shop-20261123T005853Z.dump',
    'invctl db restore backup.sql --yes',
    'invctl db restore --undo',
    'invctl db restore --forget --confirm shop',
  ],
  args: { file: optional('a path, or a name that `db list` shows; also an SQL dump', { offers: 'backups' }) },
  flags: {
    undo: flag('swap back to the previous database'),
    forget: flag('drop the previous databases that restores kept'),
    confirm: text(
      'project',
      "the project's name: with --forget, in a protected environment, for another environment's backup",
    ),
    noRestart: flag('leave the services that use the database running; they have to connect again'),
  },
  data: (z) =>
    z.union([
      z.object({
        from: z.string().describe('a file, or with --undo the previous database'),
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
      }),
      z.object({ forgotten: z.array(z.string()) }),
    ]),
  async run(context, { args: { file }, flags }) {
    const given = [file !== undefined, flags.undo, flags.forget].filter(Boolean);
    if (given.length !== 1) {
      throw usageError('name a FILE, or use --undo or --forget', 'invctl db list      (the backups)');
    }
    if (flags.forget) return forgetPrevious(context, flags.confirm);
    // Nothing is fetched, checked or loaded for a question that nobody will be there to answer.
    const project = context.project().name;
    const confirmed = flags.confirm;
    context.prompts.assertReplaceable({ what: `replace the database of ${project}?`, project, confirmed });
    const line = new TransferLine(await context.output.progress());
    const input: RestoreInput = {
      restartClients: !flags.noRestart,
      onProgress: (phase, bytes, expected) => line.show(phase, { bytes, expected }),
      confirmForeign: async (from) => {
        if (!context.environment) return context.output.note(`note: this is a backup of the project ${from}`);
        line.pause();
        const what = `this replaces the data of ${project} with that of another project, ${from}`;
        await context.prompts.confirmDataLoss({ what, project, confirmed });
      },
      confirm: async (preview) => {
        line.pause();
        context.output.note(describePreview(preview));
        const what = `replace the database ${preview.database}?`;
        await context.prompts.confirmReplacement({ what, project, confirmed });
      },
    };
    try {
      const result =
        file === undefined ? await undo(context, input) : await restore(context, { ...input, file });
      line.done(`${result.restored} is restored; nobody could connect for ${formatDuration(result.swapMs)}`);
      return { data: { ...result }, text: describe(result) };
    } catch (error) {
      line.failed('not restored');
      throw error;
    }
  },
});

async function forgetPrevious(context: Context, confirmed: string | undefined) {
  const result = await forget(context, (names) =>
    context.prompts.confirmDataLoss({
      what: `this drops ${count(names.length, 'database')} (${names.join(', ')}) and all data in ${names.length === 1 ? 'it' : 'them'}`,
      project: context.project().name,
      confirmed,
    }),
  );
  return { data: result, text: result.forgotten.map((name) => `${name} is dropped`).join('\n') };
}

function describePreview({ from, database, rows, notes }: RestorePreview): string {
  const changed = rows.filter(({ before, after }) => before !== after);
  return [
    ...notes.map((note) => `note: ${note}`),
    changed.length === 0
      ? `every table of ${database} has as many rows as in ${from}`
      : `${database} after the restore of ${from}:\n${rowTable(changed)}`,
  ].join('\n');
}

function rowTable(rows: readonly RowDifference[]): string {
  const cell = (rowsOf: number | null) => (rowsOf === null ? '-' : rowsOf.toLocaleString('en'));
  return table(
    ['ROWS NOW', 'AFTER', 'DIFFERENCE', 'TABLE'],
    rows.map(({ table: name, before, after }) => {
      const difference = (after ?? 0) - (before ?? 0);
      return [
        cell(before),
        cell(after),
        `${difference > 0 ? '+' : ''}${difference.toLocaleString('en')}`,
        name,
      ];
    }),
  );
}

function describe({ from, restored, previous, restarted }: Restored): string {
  return [
    `${restored} is now what ${from} holds${restarted.length > 0 ? `; restarted: ${restarted.join(', ')}` : ''}`,
    ...(previous === null
      ? ['there was no database before, so there is nothing to undo']
      : [
          `the previous database is kept as ${previous}`,
          'back:  invctl db restore --undo',
          'drop it:  invctl db restore --forget',
        ]),
  ].join('\n');
}
