import { command } from '../cli/command.js';
import { required } from '../cli/parameters.js';
import type { ServiceDetails } from '../engine/engine.js';
import { formatPort } from '../output/service-table.js';
import { environment } from '../output/shapes.js';
import { table } from '../output/table.js';
import { formatBytes } from '../output/units.js';
import { inspectService } from '../services/inspect.js';

export default command({
  summary: 'one service: mounts, limits, networks, environment',
  examples: ['invctl inspect api', 'invctl inspect db --json'],
  args: { service: required('service', { offers: 'services' }) },
  data: (z) =>
    z.object({
      service: z.string(),
      instances: z.array(
        z.looseObject({
          name: z.string(),
          state: z.string(),
          health: z.string(),
          ports: z.array(
            z.object({
              host: z.string().describe('address of this machine'),
              published: z.int(),
              target: z.int().describe('port in the container'),
              protocol: z.string(),
            }),
          ),
          command: z.array(z.string()),
          mounts: z.array(
            z.object({ type: z.string(), source: z.string(), target: z.string(), readOnly: z.boolean() }),
          ),
          networks: z.array(z.string()),
          memoryLimit: z.int().optional().describe('bytes'),
          cpuLimit: z.number().optional(),
          environment: environment(z),
        }),
      ),
    }),
  async run(context, { args: { service } }) {
    const instances = await inspectService(context, service);
    return { data: { service, instances }, text: instances.map(describe).join('\n\n') };
  },
});

function describe(details: ServiceDetails): string {
  const rows: [string, string | undefined][] = [
    ['instance', details.instance],
    ['image', details.image],
    ['command', details.command.join(' ')],
    [
      'state',
      `${details.state}${details.health === 'none' ? '' : `, ${details.health}`}, ${details.restarts} restarts`,
    ],
    ['user', details.user],
    ['ports', details.ports.map(formatPort).join('\n')],
    ['networks', details.networks.join(', ')],
    ['memory', details.memoryLimit === undefined ? 'no limit' : formatBytes(details.memoryLimit)],
    ['processors', details.cpuLimit === undefined ? 'no limit' : String(details.cpuLimit)],
    ['processes', details.pidsLimit === undefined ? 'no limit' : String(details.pidsLimit)],
    ['restart', details.restartPolicy],
    [
      'root',
      details.readOnlyRoot === undefined ? undefined : details.readOnlyRoot ? 'read-only' : 'writable',
    ],
    ['capabilities', details.capabilities && capabilities(details.capabilities)],
    [
      'mounts',
      details.mounts
        .map((m) => `${m.target}${m.readOnly ? ' (read-only)' : ''}  from ${m.source || m.type}`)
        .join('\n'),
    ],
    [
      'environment',
      Object.entries(details.environment)
        .map(([name, value]) => `${name}=${value}`)
        .join('\n'),
    ],
  ];
  return table(
    ['FIELD', 'VALUE'],
    rows.flatMap(([field, value]) =>
      value ? value.split('\n').map((line, index) => [index === 0 ? field : '', line]) : [],
    ),
  );
}

function capabilities({ add, drop }: { add: string[]; drop: string[] }): string {
  const parts = [...drop.map((name) => `-${name}`), ...add.map((name) => `+${name}`)];
  return parts.join(' ') || "the engine's default";
}
