import { basename } from 'node:path';
import { command } from '../../cli/command.js';
import { optional } from '../../cli/parameters.js';
import { TransferLine } from '../../output/transfer-line.js';
import { count } from '../../output/units.js';
import { copyAway } from '../../services/database/copy.js';
import { backupFile } from './shapes.js';

export default command({
  summary: 'copy backups to the place that backup.copyTo of invctl.yaml names',
  examples: ['invctl db copy      (all that are not there yet)', 'invctl db copy shop-20261123T005853Z.dump'],
  args: { file: optional('a path, or a name that `db list` shows', { offers: 'backups' }) },
  data: (z) =>
    z.object({
      address: z.string().describe('where to'),
      copied: z.array(backupFile(z)),
      present: z.array(backupFile(z)).describe('were there already'),
    }),
  async run(context, { args: { file } }) {
    const line = new TransferLine(await context.output.progress());
    try {
      const { address, copied, present } = await copyAway(context, {
        ...(file === undefined ? {} : { file }),
        onProgress: (bytes, expected) => line.show('copy', { bytes, expected }),
      });
      line.done(`${count(copied.length, 'backup')} copied, ${present.length} were there`);
      return {
        data: { address, copied, present },
        text: copied.map((path) => `copied ${basename(path)} to ${address}`).join('\n'),
      };
    } catch (error) {
      line.failed('not copied');
      throw error;
    }
  },
});
