import type { Command } from 'commander';
import { declare, type Handle } from '../cli/command.js';
import type { ServiceDetails } from '../engine/engine.js';
import { formatPort } from '../output/service-table.js';
import { table } from '../output/table.js';
import { formatBytes } from '../output/units.js';
import { inspectService } from '../services/inspect.js';

export function define(program: Command, handle: Handle): void {
  const command = declare(program, 'inspect', 'one service: mounts, limits, networks, environment', [
    'invctl inspect api',
    'invctl inspect db --json',
  ]).argument('<service>', 'service');
  handle(command, async (context, { args: [service] }) => {
    const instances = await inspectService(context, service);
    return { data: { service, instances }, text: instances.map(describe).join('\n\n') };
  });
}

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
