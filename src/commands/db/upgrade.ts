import { relative } from 'node:path';
import type { Command } from 'commander';
import { declare, type Handle } from '../../cli/command.js';
import type { Context } from '../../cli/context.js';
import { usageError } from '../../errors.js';
import { TransferLine } from '../../output/transfer-line.js';
import { count, formatDuration } from '../../output/units.js';
import { fileDiff } from '../../project/file-diff.js';
import { maskText } from '../../project/secret-values.js';
import { secretsOfProject } from '../../services/config.js';
import { finalize } from '../../services/database/upgrade/previous-volumes.js';
import { type Upgraded, type UpgradePreview, upgrade } from '../../services/database/upgrade/upgrade.js';

interface UpgradeFlags {
  to?: string;
  rehearse?: boolean;
  finalize?: boolean;
  smokeTest: boolean;
  confirm?: string;
  backup: boolean;
}

export function define(group: Command, handle: Handle): void {
  const command = declare(
    group,
    'upgrade',
    'move to a later PostgreSQL; the old volume stays until --finalize',
    [
      'invctl db upgrade --to 17 --rehearse      # all but the switch, while the app goes on',
      'invctl db upgrade --to 17',
      'invctl db upgrade --finalize --confirm shop',
    ],
  )
    .option('--to <major>', 'major version of PostgreSQL')
    .option('--rehearse', 'do all but the switch, and leave nothing behind')
    .option('--no-smoke-test', 'do not try the app on the new server first')
    .option('--finalize', 'remove the volumes that upgrades left')
    .option('--confirm <project>', "with --finalize: the project's name")
    .option('--no-backup', 'with --finalize: take no backup first');
  handle<UpgradeFlags>(command, async (context, { options }) => {
    if (options.finalize) {
      if (options.to !== undefined || options.rehearse) {
        throw usageError('--finalize goes alone', 'invctl db upgrade --finalize');
      }
      return finalizeUpgrade(context, options);
    }
    if (options.to === undefined) throw usageError('--to MAJOR or --finalize is needed', '--to 17');
    if (!/^[1-9]\d{0,2}$/.test(options.to)) {
      throw usageError(`--to "${options.to}" is no major version`, '--to 17');
    }
    const rehearse = options.rehearse ?? false;
    const line = new TransferLine(await context.output.progress());
    let diff = '';
    try {
      const result = await upgrade(context, {
        to: Number(options.to),
        rehearse,
        smokeTest: options.smokeTest,
        onProgress: (step, bytes, expected) =>
          line.show(step, { bytes, ...(expected === undefined ? {} : { expected }) }),
        confirmPull: (image) => context.prompts.confirm(`the image ${image} is not here: pull it?`),
        confirm: async (preview) => {
          diff = await composeDiff(context, preview);
          context.output.note(diff);
          if (rehearse) return;
          const stops = preview.stops.length > 0 ? `stop ${preview.stops.join(', ')} and move` : 'move';
          await context.prompts.confirm(
            `${stops} ${context.project().name} from PostgreSQL ${preview.from} to ${preview.to}?`,
          );
        },
      });
      line.done(`PostgreSQL ${result.from} → ${result.to}${rehearse ? ', rehearsed' : ''}`);
      return { data: { ...result, diff }, text: describe(result, context) };
    } catch (error) {
      line.failed('not upgraded; everything is as it was');
      throw error;
    }
  });
}

async function finalizeUpgrade(context: Context, options: UpgradeFlags) {
  const result = await finalize(context, {
    backup: options.backup,
    confirm: (volumes) =>
      context.prompts.confirmDataLoss({
        what: `this removes ${volumes.map(({ name, major }) => `the volume ${name} of PostgreSQL ${major}`).join(', ')} and all data in ${volumes.length === 1 ? 'it' : 'them'}`,
        project: context.project().name,
        confirmed: options.confirm,
      }),
  });
  return {
    data: { ...result },
    text: [
      ...(result.backup === undefined ? [] : [`backup: ${result.backup}`]),
      ...result.removed.map((name) => `removed ${name}`),
    ].join('\n'),
  };
}

async function composeDiff(context: Context, { change, before }: UpgradePreview): Promise<string> {
  const location = context.project();
  const project = await (await context.engine()).resolve(location);
  const secrets = secretsOfProject(context, project);
  return fileDiff(
    relative(location.directory, change.file),
    { text: before },
    { text: change.text },
    (line) => maskText(line, secrets),
  );
}

function describe(result: Upgraded, context: Context): string {
  const { from, to, rehearsed, tables, volume, backup, smokeTested, downSeconds } = result;
  const proved = `${count(tables.length, 'table')} with the same content${smokeTested ? `, and "${smokeTested}" healthy on it` : ''}`;
  if (rehearsed) {
    return [
      `PostgreSQL ${to} takes the data: ${proved}. Nothing was changed`,
      `an upgrade would stop the app for about ${formatDuration(downSeconds * 1000)}`,
      `go:  invctl db upgrade --to ${to}`,
    ].join('\n');
  }
  return [
    `the database is on PostgreSQL ${to}: ${proved}; the app was without it for ${formatDuration(downSeconds * 1000)}`,
    `backup: ${backup}`,
    `the old volume ${volume.before} is as it was; back to ${from}: undo the edit of the compose file, then invctl up`,
    `remove it:  invctl db upgrade --finalize --confirm ${context.project().name}`,
  ].join('\n');
}
