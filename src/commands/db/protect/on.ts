import { command } from '../../../cli/command.js';
import { parsed } from '../../../cli/parameters.js';
import { usageError } from '../../../errors.js';
import { TransferLine } from '../../../output/transfer-line.js';
import { formatDuration } from '../../../output/units.js';
import { protectOn } from '../../../services/protection/switch.js';
import { composeDiff } from './compose-diff.js';

const UNIT_SECONDS: Record<string, number> = { m: 60, h: 3600, d: 86_400 };
const STEPS = {
  server: 'let the receiver in',
  compose: 'edit the compose file',
  receiver: 'start the receiver',
  base: 'first base backup',
  revert: 'take it back',
} as const;

export default command({
  summary: 'receive what the database writes, and take a base backup every day',
  examples: ['invctl db protect on', 'invctl db protect on --every 12h --keep 14d'],
  flags: {
    every: parsed('time', 'from one base backup to the next: 30m, 24h, 7d', secondsOf, { otherwise: '24h' }),
    keep: parsed('time', 'how far back every second can be brought back', secondsOf, { otherwise: '7d' }),
  },
  data: (z) =>
    z.object({
      place: z.string().describe('absolute folder of the base backups and the WAL'),
      file: z.string().describe('the compose file'),
      service: z.string().describe('the receiver'),
      base: z.string().describe('name of the newest base backup'),
      everySeconds: z.int(),
      keepSeconds: z.int(),
      diff: z.string().describe('of the compose file; empty: it stayed as it was'),
    }),
  async run(context, { flags: { every: everySeconds = 86_400, keep: keepSeconds = 7 * 86_400 } }) {
    const line = new TransferLine(await context.output.progress());
    let diff = '';
    try {
      const { copyTo, ...result } = await protectOn(context, {
        everySeconds,
        keepSeconds,
        onStep: (step) => line.show(STEPS[step], { bytes: 0 }),
        confirm: async (edit) => {
          diff = edit.before === edit.after ? '' : await composeDiff(context, edit);
          if (diff !== '') context.output.note(diff);
          await context.prompts.confirm(
            diff === '' ? 'start the receiver again?' : 'edit the compose file and start the receiver?',
          );
        },
      });
      line.done(`protected; first base backup ${result.base}`);
      return {
        data: { ...result, diff },
        text: [
          `from now on, every second of the next ${formatDuration(keepSeconds * 1000)} can be brought back; the database was not restarted`,
          `base backups and WAL lie in ${result.place}`,
          copyTo === undefined
            ? 'what takes that disk takes both: backup.copyTo of invctl.yaml names another place for copies'
            : `copies go to ${copyTo} from now on with:  invctl db schedule --install      (by hand: invctl db copy --follow)`,
          'see it:  invctl db protect status',
          'use it:  invctl db restore --to 5m-ago',
        ].join('\n'),
      };
    } catch (error) {
      line.failed('not protected; everything is as it was');
      throw error;
    }
  },
});

/** @throws UserError USAGE (exit 2) */
function secondsOf(text: string, name: string): number {
  const [, amount, unit = ''] = /^([1-9]\d{0,4})([mhd])$/.exec(text) ?? [];
  if (amount === undefined)
    throw usageError(`${name} "${text}" is not a duration such as 30m, 24h or 7d`, `${name} 24h`);
  return Number(amount) * (UNIT_SECONDS[unit] as number);
}
