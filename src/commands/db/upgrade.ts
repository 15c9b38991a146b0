import { relative } from 'node:path';
import { command } from '../../cli/command.js';
import type { Context } from '../../cli/context.js';
import { flag, parsed, text } from '../../cli/parameters.js';
import { usageError } from '../../errors.js';
import { TransferLine } from '../../output/transfer-line.js';
import { count, formatDuration } from '../../output/units.js';
import { fileDiff } from '../../project/file-diff.js';
import { maskText } from '../../project/secret-values.js';
import { secretsOfProject } from '../../services/config.js';
import { finalize } from '../../services/database/upgrade/finalize.js';
import { type Upgraded, type UpgradePreview, upgrade } from '../../services/database/upgrade/upgrade.js';
import { POSTGRES_MAJORS } from '../../template/options.js';
import { backupFile } from './shapes.js';

export default command({
  summary: 'move to a later PostgreSQL; the old volume stays until --finalize',
  examples: [
    'invctl db upgrade --to 17 --rehearse      # everything but the switch, while the app keeps running',
    'invctl db upgrade --to 17',
    'invctl db upgrade --finalize --confirm shop',
  ],
  flags: {
    to: parsed('major', 'major version of PostgreSQL', majorVersion, {
      offers: POSTGRES_MAJORS.map(String),
    }),
    rehearse: flag('do everything but the switch, and leave nothing behind'),
    noSmokeTest: flag('do not try the app on the new server first'),
    finalize: flag('remove the volumes that upgrades left'),
    confirm: text('project', "with --finalize: the project's name"),
    noBackup: flag('with --finalize: take no backup first'),
  },
  data: (z) =>
    z.union([
      z.object({
        rehearsed: z.boolean(),
        from: z.int().describe('major version'),
        to: z.int(),
        image: z.object({ before: z.string(), after: z.string() }),
        volume: z
          .object({ before: z.string(), after: z.string() })
          .describe('the one before stays until --finalize; after a rehearsal the other one is gone'),
        file: z.string().describe('the compose file'),
        diff: z.string().describe('of the compose files; after a rehearsal what an upgrade would change'),
        backup: backupFile(z).optional().describe('absent after a rehearsal, which keeps none'),
        tables: z.array(z.object({ name: z.string(), rows: z.int() })),
        smokeTested: z.string().optional().describe('the app that was tried on the new server'),
        downSeconds: z.number().describe('how long the app was, or would have been, without its database'),
        protected: z.boolean().describe('the new server is protected as the old one was: db protect status'),
      }),
      z.object({ removed: z.array(z.string()).describe('volumes'), backup: backupFile(z).optional() }),
    ]),
  async run(context, { flags }) {
    if (flags.finalize) {
      if (flags.to !== undefined || flags.rehearse) {
        throw usageError(
          '--finalize cannot be combined with --to or --rehearse',
          'invctl db upgrade --finalize',
        );
      }
      return finalizeUpgrade(context, flags);
    }
    if (flags.to === undefined) throw usageError('--to MAJOR or --finalize is needed', '--to 17');
    const { to, rehearse } = flags;
    const line = new TransferLine(await context.output.progress());
    let diff = '';
    try {
      const result = await upgrade(context, {
        to,
        rehearse,
        smokeTest: !flags.noSmokeTest,
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
  },
});

function majorVersion(word: string, name: string): number {
  if (/^[1-9]\d{0,2}$/.test(word)) return Number(word);
  throw usageError(`${name} "${word}" is not a major version of PostgreSQL`, `${name} 17`);
}

async function finalizeUpgrade(context: Context, flags: { confirm: string | undefined; noBackup: boolean }) {
  const result = await finalize(context, {
    backup: !flags.noBackup,
    confirm: (volumes) =>
      context.prompts.confirmDataLoss({
        what: `this removes ${volumes.map(({ name, major }) => `the volume ${name} of PostgreSQL ${major}`).join(', ')} and all data in ${volumes.length === 1 ? 'it' : 'them'}`,
        project: context.project().name,
        confirmed: flags.confirm,
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

async function composeDiff(context: Context, { change }: UpgradePreview): Promise<string> {
  const location = context.project();
  const project = await (await context.engine()).resolve(location);
  const secrets = secretsOfProject(context, project);
  return [change, ...(change.receiver ? [change.receiver] : [])]
    .map(({ file, before, text }) =>
      fileDiff(relative(location.directory, file), { text: before }, { text }, (line) =>
        maskText(line, secrets),
      ),
    )
    .join('\n');
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
    ...(result.protected
      ? [
          `every second from its first base backup on can be brought back: invctl db protect status; of before, tables alone, with the image of PostgreSQL ${from}`,
        ]
      : []),
    `the old volume ${volume.before} is as it was; back to ${from}: undo the edit of the compose file, then invctl up`,
    `remove it:  invctl db upgrade --finalize --confirm ${context.project().name}`,
  ].join('\n');
}
