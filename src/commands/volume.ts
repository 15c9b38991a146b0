import type { Command } from 'commander';
import { declare, declareGroup, type Handle } from '../cli/command.js';
import type { VolumeStatus } from '../engine/engine.js';
import { table } from '../output/table.js';
import { formatBytes } from '../output/units.js';
import { findVolume, listVolumes, removeVolume } from '../services/volumes.js';

export function define(program: Command, handle: Handle): void {
  const group = declareGroup(program, 'volume', 'the volumes that hold the data', [
    'invctl volume ls',
    'invctl volume inspect pgdata',
  ]);

  handle(
    declare(group, 'ls', 'the volumes of this project, their size and who uses them', ['invctl volume ls']),
    async (context) => {
      const volumes = await listVolumes(context);
      return {
        data: { volumes },
        text: volumes.length > 0 ? volumeTable(volumes) : 'no volumes; `invctl up` makes them',
      };
    },
  );

  handle(
    declare(group, 'inspect', 'one volume', ['invctl volume inspect pgdata']).argument(
      '<volume>',
      'key or name',
    ),
    async (context, { args: [name] }) => {
      const volume = await findVolume(context, name);
      return {
        data: { volume },
        text: table(
          ['FIELD', 'VALUE'],
          Object.entries(volume).map(([field, value]) => [
            field,
            field === 'bytes'
              ? formatBytes(Number(value))
              : Array.isArray(value)
                ? value.join(', ') || '-'
                : String(value),
          ]),
        ),
      };
    },
  );

  handle<{ confirm?: string; backup: boolean }>(
    declare(group, 'rm', 'remove a volume: its data is lost', ['invctl volume rm pgdata --confirm shop'])
      .argument('<volume>', 'key or name')
      .option('--confirm <project>', "the project's name, as a confirmation that its data may go")
      .option('--no-backup', 'take no backup first'),
    async (context, { args: [name], options }) => {
      const volume = await findVolume(context, name);
      await context.prompts.confirmDataLoss({
        what: `this removes the volume ${volume.name} and all data in it`,
        project: context.project().name,
        confirmed: options.confirm,
      });
      const { backup } = await removeVolume(context, volume, { backup: options.backup });
      return {
        data: { removed: volume.name, ...(backup ? { backup } : {}) },
        text: `${backup ? `backup: ${backup}\n` : ''}${volume.name} is removed`,
      };
    },
  );
}

function volumeTable(volumes: readonly VolumeStatus[]): string {
  return table(
    ['VOLUME', 'NAME', 'SIZE', 'USED BY', 'MOUNTPOINT'],
    volumes.map(({ key, name, bytes, services, mountpoint }) => [
      key ?? '-',
      name,
      bytes === undefined ? '-' : formatBytes(bytes),
      services.join(', ') || '-',
      mountpoint,
    ]),
  );
}
