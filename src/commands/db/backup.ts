import { DUMP_FORMATS } from '../../backup/dump.js';
import { command } from '../../cli/command.js';
import type { Context } from '../../cli/context.js';
import { choice, flag, text } from '../../cli/parameters.js';
import { usageError } from '../../errors.js';
import { TransferLine } from '../../output/transfer-line.js';
import { count, formatBytes } from '../../output/units.js';
import { backup, backupToStream } from '../../services/database/backup.js';
import { takeBase } from '../../services/protection/base.js';
import { databaseContext, deployedFlag } from './deployed.js';
import { backupFile, manifest, verificationLevel } from './shapes.js';

export default command({
  summary: 'take a backup while the app keeps running, and verify it',
  examples: [
    'invctl db backup',
    'invctl db backup -o /mnt/safe/shop.dump --level 2',
    'invctl db backup -o - | ssh other "cat > shop.dump"',
    'invctl db backup --deployed      (of the database that `invctl deploy` put in place)',
    'invctl db backup --format plain      (then, anywhere: gunzip -c FILE | psql shop)',
  ],
  flags: {
    deployed: deployedFlag,
    base: flag('a base backup for `db restore --to` in place of a dump (needs db protect on)'),
    output: text('file', 'where to; - is stdout', {
      otherwise: 'backups/ in the project',
      short: 'o',
      offers: 'files',
    }),
    format: choice('format', DUMP_FORMATS, 'custom, or plain: SQL in gzip, for people without invctl', {
      otherwise: 'custom, the faster one',
    }),
    level: choice(
      'level',
      [1, 2, 3],
      '1 read it back, 2 restore it into a scratch database, 3 compare its content',
      { initial: 1 },
    ),
  },
  data: (z) =>
    z.union([
      z.object({
        file: backupFile(z),
        manifestFile: z.string(),
        manifest: manifest(z),
        level: verificationLevel(z),
        copy: z.string().optional().describe('address of its copy'),
      }),
      z.object({
        base: z
          .object({
            id: z.string(),
            folder: z.string().describe('absolute'),
            bytes: z.int(),
            startedAt: z.string().describe('ISO time'),
            endedAt: z.string(),
          })
          .describe('with --base'),
      }),
    ]),
  async run(context, { flags: { deployed, base, output, format, level } }) {
    if (base) {
      if (deployed || output !== undefined || format !== undefined) {
        throw usageError(
          'a base backup has a place and a format of its own, and is of the database here',
          'invctl db backup --base',
        );
      }
      return takeBaseBackup(context);
    }
    const toStream = output === '-';
    if (toStream && context.settings.json) {
      throw usageError('stdout cannot carry both the archive and a JSON document', '-o FILE --json');
    }
    if (toStream && process.stdout.isTTY) {
      throw usageError(
        'a backup is binary data, and stdout is a terminal',
        'invctl db backup -o - > FILE, or -o FILE',
      );
    }
    if (toStream && level !== 1)
      throw usageError(
        'levels 2 and 3 need a file: what was written to stdout cannot be read again',
        '-o FILE',
      );
    const where = await databaseContext(context, deployed);
    const line = new TransferLine(await context.output.progress());
    let copying = false;
    try {
      if (toStream) {
        const { bytes, sha256 } = await backupToStream(where, process.stdout, {
          ...(format === undefined ? {} : { format }),
          onProgress: ({ phase, ...state }) => line.show(phase, state),
        });
        line.done(`${formatBytes(bytes)}, SHA-256 ${sha256}`);
        return {};
      }
      const { file, manifest, manifestFile, copy } = await backup(where, {
        ...(output === undefined ? {} : { output }),
        ...(format === undefined ? {} : { format }),
        level,
        onProgress: ({ phase, ...state }) => {
          copying = phase === 'copy';
          line.show(phase, state);
        },
      });
      const rows = manifest.tables.reduce((sum, table) => sum + table.rows, 0);
      line.done(
        `${formatBytes(manifest.bytes)}: ${count(rows, 'row')} of ${count(manifest.tables.length, 'table')}, verified to level ${manifest.verification.level}${copy === undefined ? '' : `, copied to ${copy}`}`,
      );
      return {
        data: {
          file,
          manifestFile,
          manifest,
          level: manifest.verification.level,
          ...(copy === undefined ? {} : { copy }),
        },
        text: file,
      };
    } catch (error) {
      line.failed(copying ? 'the backup was made, but not copied' : 'no backup was made');
      throw error;
    }
  },
});

async function takeBaseBackup(context: Context) {
  const line = new TransferLine(await context.output.progress());
  try {
    line.show('base backup', { bytes: 0 });
    const { startedAt, endedAt, ...base } = await takeBase(context);
    line.done(`${formatBytes(base.bytes)}, hashed`);
    return {
      data: { base: { ...base, startedAt: startedAt.toISOString(), endedAt: endedAt.toISOString() } },
      text: base.folder,
    };
  } catch (error) {
    line.failed('no base backup was made');
    throw error;
  }
}
