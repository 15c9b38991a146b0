import { type Command, Option } from 'commander';
import { declare, type Handle } from '../../cli/command.js';
import { TransferLine } from '../../output/transfer-line.js';
import { count } from '../../output/units.js';
import { verify } from '../../services/database/verify.js';
import { readLevel } from './level.js';

const WORDS = [
  'its SHA-256 is right',
  'it was read whole',
  'it was restored, with every row counted',
  'it was restored, with the same content',
];

export function define(group: Command, handle: Handle): void {
  const command = declare(group, 'verify', 'prove a backup, as far as you like', [
    'invctl db verify shop-20261123T005853Z.dump --level 2',
  ])
    .argument('<file>', 'a path, or a name that `db list` shows')
    .addOption(
      new Option(
        '--level <level>',
        '0 SHA-256, 1 read it whole, 2 restore it into a scratch database, 3 compare content',
      ).default('1'),
    );
  handle<{ level: string }>(command, async (context, { args: [file], options }) => {
    const level = readLevel(options.level);
    const line = new TransferLine(await context.output.progress());
    try {
      const result = await verify(context, {
        file,
        level,
        onProgress: (phase, bytes, expected) => line.show(phase, { bytes, expected }),
      });
      const rows = result.tables.reduce((sum, table) => sum + table.rows, 0);
      line.done(`${WORDS[result.level]}: ${count(rows, 'row')} of ${count(result.tables.length, 'table')}`);
      return { data: result, text: `${result.file} is verified to level ${result.level}` };
    } catch (error) {
      line.failed('not verified');
      throw error;
    }
  });
}
