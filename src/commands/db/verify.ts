import { LEVELS } from '../../backup/manifest.js';
import { command } from '../../cli/command.js';
import type { Context } from '../../cli/context.js';
import { choice, optional, text } from '../../cli/parameters.js';
import { usageError } from '../../errors.js';
import { TransferLine } from '../../output/transfer-line.js';
import { count } from '../../output/units.js';
import { verify } from '../../services/database/verify.js';
import { parseTarget, sayMoment } from '../../services/protection/moment.js';
import { drill } from '../../services/protection/restore-to.js';
import { databaseContext, deployedFlag, onlyHere } from './deployed.js';
import { isoOrNull } from './restore-to.js';
import { backupFile, broughtBack, manifest, verificationLevel } from './shapes.js';

const WORDS = [
  'its SHA-256 is right',
  'it was read whole',
  'it was restored, with every row counted',
  'it was restored, with the same content',
];

export default command({
  summary: 'verify a backup, to the level that you choose',
  examples: [
    'invctl db verify shop-20261123T005853Z.dump --level 2',
    'invctl db verify --to latest      (all of db restore --to but the swap)',
  ],
  args: { file: optional('a path, or a name that `db list` shows', { offers: 'backups' }) },
  flags: {
    level: choice(
      'level',
      LEVELS,
      '0 SHA-256, 1 read it whole, 2 restore it into a scratch database, 3 compare content',
      { initial: 1 },
    ),
    deployed: deployedFlag,
    to: text('time', 'a drill: bring a moment back beside the live server, and remove it again'),
  },
  data: (z) =>
    z.union([
      z.object({
        file: backupFile(z),
        level: verificationLevel(z),
        manifest: manifest(z).optional().describe('absent: the file has none'),
        tables: z.array(z.object({ name: z.string(), rows: z.int() })),
      }),
      z.object({
        moment: broughtBack(z).describe('what was asked for; null: the last one'),
        lastCommit: broughtBack(z).describe('of the last transaction; null: none since the base backup'),
        base: z.string().describe('name of the base backup that it is made of'),
        amcheck: z.boolean().describe('pg_amcheck found nothing; false: it could not be used'),
        tables: z.array(z.object({ name: z.string(), rows: z.int() })),
      }),
    ]),
  async run(context, { args: { file }, flags: { level, deployed, to } }) {
    if (deployed && to !== undefined) throw onlyHere('invctl db verify --to');
    if (to !== undefined && file === undefined) return drillMoment(context, to);
    if (file === undefined || to !== undefined) {
      throw usageError('one of FILE and --to is needed', 'invctl db list      (the backups)');
    }
    const line = new TransferLine(await context.output.progress());
    try {
      const result = await verify(await databaseContext(context, deployed), {
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

async function drillMoment(context: Context, to: string) {
  const target = parseTarget(to);
  const line = new TransferLine(await context.output.progress());
  try {
    const { moment, lastCommit, ...result } = await drill(context, {
      target,
      onStep: (step) => line.show(step, { bytes: 0 }),
    });
    const rows = result.tables.reduce((sum, table) => sum + table.rows, 0);
    const looked = result.amcheck
      ? '; pg_amcheck finds no damage'
      : '; counted, not looked through by pg_amcheck';
    line.done(`brought back: ${count(rows, 'row')} of ${count(result.tables.length, 'table')}${looked}`);
    const last = lastCommit === null ? 'none since the base backup' : sayMoment(lastCommit);
    return {
      data: { ...result, moment: isoOrNull(moment), lastCommit: isoOrNull(lastCommit) },
      text: `${moment === null ? 'the last moment' : sayMoment(moment)} can be brought back; its last transaction: ${last}`,
    };
  } catch (error) {
    line.failed('not brought back');
    throw error;
  }
}
