import { basename } from 'node:path';
import { command } from '../../cli/command.js';
import type { Context } from '../../cli/context.js';
import { flag, number, optional } from '../../cli/parameters.js';
import { usageError } from '../../errors.js';
import { TransferLine } from '../../output/transfer-line.js';
import { count, formatDuration } from '../../output/units.js';
import { copyAway } from '../../services/database/copy.js';
import { followCopies, type Round } from '../../services/protection/copy-away.js';
import { databaseContext, deployedFlag } from './deployed.js';
import { backupFile } from './shapes.js';

export default command({
  summary: 'copy backups, base backups and WAL to the place that backup.copyTo of invctl.yaml names',
  examples: [
    'invctl db copy      (all that are not there yet)',
    'invctl db copy shop-20261123T005853Z.dump',
    'invctl db copy --follow      (what is received, three times a second)',
  ],
  args: { file: optional('a path, or a name that `db list` shows', { offers: 'backups' }) },
  flags: {
    deployed: deployedFlag,
    follow: flag('go on, with the base backups and the WAL alone; Ctrl-C ends it'),
    every: number('seconds', 'with --follow: how often new commits go there', { otherwise: '0.3', above: 0 }),
    takeOver: flag('go on with base backups and WAL that another machine wrote there'),
  },
  data: (z) =>
    z.object({
      address: z.string().describe('where to'),
      copied: z.array(backupFile(z)),
      present: z.array(backupFile(z)).describe('were there already'),
      protection: z
        .object({ bases: z.int(), segments: z.int() })
        .optional()
        .describe('sent; absent: nothing is protected, or --follow is at it in another process'),
    }),
  async run(context, { args: { file }, flags: { deployed, follow, every, takeOver } }) {
    if (follow && file !== undefined)
      throw usageError('--follow copies what comes, and no FILE', 'invctl db copy --follow');
    if (follow && deployed) {
      throw usageError(
        '--follow copies what is received from the database of this machine',
        'invctl db copy',
      );
    }
    if (!follow && every !== undefined)
      throw usageError('--every belongs to --follow', 'invctl db copy --follow --every 10');
    if (follow) {
      await followCopies(context, { everySeconds: every ?? 0.3, takeOver, onRound: tellRounds(context) });
      return { interrupted: true };
    }
    const line = new TransferLine(await context.output.progress());
    try {
      const { address, copied, present, protection } = await copyAway(
        await databaseContext(context, deployed),
        {
          ...(file === undefined ? {} : { file }),
          takeOver,
          onProgress: (bytes, expected) =>
            line.show('copy', { bytes, ...(expected === undefined ? {} : { expected }) }),
        },
      );
      line.done(`${count(copied.length, 'backup')} copied, ${present.length} were there`);
      return {
        data: { address, copied, present, ...(protection ? { protection } : {}) },
        text: [
          ...copied.map((path) => `copied ${basename(path)} to ${address}`),
          ...(protection
            ? [
                `copied ${count(protection.bases, 'base backup')} and ${count(protection.segments, 'segment')} of WAL`,
              ]
            : []),
        ].join('\n'),
      };
    } catch (error) {
      line.failed('not copied');
      throw error;
    }
  },
});

/**
 * Prints a line for each round that copied something, or that failed for another reason than the round
 * before.
 */
function tellRounds({ output }: Context): (round: Round) => void {
  let failing: string | undefined;
  return (round) => {
    if ('failure' in round) {
      const { message, hint } = round.failure;
      if (message !== failing) output.warn(`${message}${hint ? `\n${hint}` : ''}\nit is tried again`);
      failing = message;
      return;
    }
    const { bases, segments, covered } = round.shipped;
    if (failing !== undefined || bases + segments > 0) {
      const until = covered ? `, safe there until ${formatDuration(Date.now() - covered.getTime())} ago` : '';
      output.note(
        `copied ${count(bases, 'base backup')} and ${count(segments, 'segment')} of WAL to ${round.address}${until}`,
      );
    }
    failing = undefined;
  };
}
