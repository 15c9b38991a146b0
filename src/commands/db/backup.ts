import type { Command } from 'commander';
import { declare, type Handle } from '../../cli/command.js';
import { usageError } from '../../errors.js';
import { TransferLine } from '../../output/transfer-line.js';
import { count, formatBytes } from '../../output/units.js';
import { backup, backupToStream } from '../../services/database/backup.js';
import { DUMP_FORMATS, type DumpFormat } from '../../services/database/dump.js';
import { readLevel } from './level.js';

interface BackupFlags {
  output?: string;
  format?: string;
  level: string;
}

export function define(group: Command, handle: Handle): void {
  const command = declare(group, 'backup', 'take a backup while the app goes on, and prove it', [
    'invctl db backup',
    'invctl db backup -o /mnt/safe/shop.dump --level 2',
    'invctl db backup -o - | ssh other "cat > shop.dump"',
    'invctl db backup --format plain      (then, anywhere: gunzip -c FILE | psql shop)',
  ])
    .option('-o, --output <file>', 'where to; - is stdout (default: backups/ in the project)')
    .option(
      '--format <format>',
      'custom, or plain: SQL in gzip, for people without invctl (default: custom, the faster one)',
    )
    .option(
      '--level <level>',
      '1 read it back, 2 restore it into a scratch database, 3 compare its content',
      '1',
    );
  handle<BackupFlags>(command, async (context, { options }) => {
    const level = readLevel(options.level);
    if (level === 0) throw usageError('a backup is always read back', '--level 1, 2 or 3');
    const format = readFormat(options.format);
    const toStream = options.output === '-';
    if (toStream && context.settings.json) {
      throw usageError('stdout cannot carry both the archive and a JSON document', '-o FILE --json');
    }
    if (toStream && process.stdout.isTTY) {
      throw usageError('an archive is nothing for a terminal', 'invctl db backup -o - > FILE, or -o FILE');
    }
    if (toStream && level !== 1) throw usageError('what went into a pipe cannot be restored', '-o FILE');
    const line = new TransferLine(await context.output.progress());
    let copying = false;
    try {
      if (toStream) {
        const { bytes, sha256 } = await backupToStream(context, process.stdout, {
          ...(format === undefined ? {} : { format }),
          onProgress: ({ phase, ...state }) => line.show(phase, state),
        });
        line.done(`${formatBytes(bytes)}, SHA-256 ${sha256}`);
        return {};
      }
      const { file, manifest, manifestFile, copy } = await backup(context, {
        ...(options.output === undefined ? {} : { output: options.output }),
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
      line.failed(copying ? 'the backup was made, and not copied' : 'no backup was made');
      throw error;
    }
  });
}

function readFormat(text: string | undefined): DumpFormat | undefined {
  if (text === undefined) return undefined;
  const format = DUMP_FORMATS.find((candidate) => candidate === text);
  if (!format) throw usageError(`--format "${text}" is no format of a backup`, '--format custom or plain');
  return format;
}
