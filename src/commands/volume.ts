import { command, group } from '../cli/command.js';
import { flag, required, text } from '../cli/parameters.js';
import type { VolumeStatus } from '../engine/engine.js';
import type { Zod } from '../output/shapes.js';
import { table } from '../output/table.js';
import { formatBytes } from '../output/units.js';
import { findVolume, listVolumes, removeVolume } from '../services/volumes.js';

const volume = (z: Zod) =>
  z.object({
    key: z.string().optional().describe('name in the compose file'),
    name: z.string(),
    driver: z.string(),
    mountpoint: z.string(),
    bytes: z.int().optional(),
    createdAt: z.string().optional(),
    services: z.array(z.string()),
    unused: z.boolean(),
  });

const ls = command({
  summary: 'the volumes of this project, their size and who uses them',
  examples: ['invctl volume ls'],
  data: (z) => z.object({ volumes: z.array(volume(z)) }),
  async run(context) {
    const volumes = await listVolumes(context);
    return {
      data: { volumes },
      text: volumes.length > 0 ? volumeTable(volumes) : 'no volumes; `invctl up` makes them',
    };
  },
});

const inspect = command({
  summary: 'one volume',
  examples: ['invctl volume inspect pgdata'],
  args: { volume: required('key or name', { offers: 'volumes' }) },
  data: (z) => z.object({ volume: volume(z) }),
  async run(context, { args }) {
    const found = await findVolume(context, args.volume);
    return {
      data: { volume: found },
      text: table(
        ['FIELD', 'VALUE'],
        Object.entries(found).map(([field, value]) => [
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
});

const rm = command({
  summary: 'remove a volume: its data is lost',
  examples: ['invctl volume rm pgdata --confirm shop'],
  args: { volume: required('key or name', { offers: 'volumes' }) },
  flags: {
    confirm: text('project', "the project's name, as a confirmation that its data may go"),
    noBackup: flag('take no backup first'),
  },
  data: (z) => z.object({ removed: z.string(), backup: z.string().optional() }),
  async run(context, { args, flags }) {
    const found = await findVolume(context, args.volume);
    await context.prompts.confirmDataLoss({
      what: `this removes the volume ${found.name} and all data in it`,
      project: context.project().name,
      confirmed: flags.confirm,
    });
    const { backup } = await removeVolume(context, found, { backup: !flags.noBackup });
    return {
      data: { removed: found.name, ...(backup ? { backup } : {}) },
      text: `${backup ? `backup: ${backup}\n` : ''}${found.name} is removed`,
    };
  },
});

export default group({
  summary: 'the volumes that hold the data',
  examples: ['invctl volume ls', 'invctl volume inspect pgdata'],
  commands: { ls, inspect, rm },
});

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
