import { LEVELS } from '../../backup/manifest.js';
import { command } from '../../cli/command.js';
import { choice, required } from '../../cli/parameters.js';
import { TransferLine } from '../../output/transfer-line.js';
import { count } from '../../output/units.js';
import { verify } from '../../services/database/verify.js';
import { backupFile, manifest, verificationLevel } from './shapes.js';

const WORDS = [
  'its SHA-256 is right',
  'it was read whole',
  'it was restored, with every row counted',
  'it was restored, with the same content',
];

export default command({
  summary: 'verify a backup, to the level that you choose',
  examples: ['invctl db verify shop-20261123T005853Z.dump --level 2'],
  args: { file: required('a path, or a name that `db list` shows', { offers: 'backups' }) },
  flags: {
    level: choice(
      'level',
      LEVELS,
      '0 SHA-256, 1 read it whole, 2 restore it into a scratch database, 3 compare content',
      { initial: 1 },
    ),
  },
  data: (z) =>
    z.object({
      file: backupFile(z),
      level: verificationLevel(z),
      manifest: manifest(z).optional().describe('absent: the file has none'),
      tables: z.array(z.object({ name: z.string(), rows: z.int() })),
    }),
  async run(context, { args: { file }, flags: { level } }) {
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
  },
});
