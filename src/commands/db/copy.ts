import { basename } from 'node:path';
import type { Command } from 'commander';
import { declare, type Handle } from '../../cli/command.js';
import { TransferLine } from '../../output/transfer-line.js';
import { count } from '../../output/units.js';
import { copyAway } from '../../services/database/copies.js';

export function define(group: Command, handle: Handle): void {
  const command = declare(group, 'copy', 'copy backups to where backup.copyTo of invctl.yaml says', [
    'invctl db copy      (all that are not there yet)',
    'invctl db copy shop-20261123T005853Z.dump',
  ]).argument('[file]', 'a path, or a name that `db list` shows');
  handle(command, async (context, { args: [file] }) => {
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
  });
}
