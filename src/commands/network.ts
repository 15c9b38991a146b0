import type { Command } from 'commander';
import { declare, declareGroup, type Handle } from '../cli/command.js';
import type { NetworkStatus } from '../engine/engine.js';
import { UserError } from '../errors.js';
import { table } from '../output/table.js';

export function define(program: Command, handle: Handle): void {
  const group = declareGroup(program, 'network', 'who can reach whom', [
    'invctl network ls',
    'invctl network inspect backend',
  ]);
  handle(
    declare(group, 'ls', 'the networks of this project and who is attached', ['invctl network ls']),
    async (context) => {
      const networks = await (await context.engine()).networks(context.project());
      return {
        data: { networks },
        text:
          networks.length > 0
            ? table(
                ['NETWORK', 'NAME', 'DRIVER', 'INTERNAL', 'ATTACHED'],
                networks.map(({ key, name, driver, internal, attached }) => [
                  key ?? '-',
                  name,
                  driver,
                  internal ? 'yes' : 'no',
                  attached.map(({ service }) => service).join(', ') || '-',
                ]),
              )
            : 'no networks; `invctl up` makes them',
      };
    },
  );
  handle(
    declare(group, 'inspect', 'one network: subnet and the address of each service', [
      'invctl network inspect backend',
    ]).argument('<network>', 'key or name'),
    async (context, { args: [keyOrName] }) => {
      const networks = await (await context.engine()).networks(context.project());
      const network = networks.find(({ key, name }) => key === keyOrName || name === keyOrName);
      if (!network) {
        throw new UserError({
          code: 'UNKNOWN_NETWORK',
          message: `the project "${context.project().name}" has no network "${keyOrName}"`,
          hint:
            networks.length > 0
              ? `networks: ${networks.map(({ key, name }) => key ?? name).join(', ')}`
              : 'invctl up',
        });
      }
      return { data: { network }, text: describe(network) };
    },
  );
}

function describe(network: NetworkStatus): string {
  const head = `${network.name} (${network.driver}${network.internal ? ', internal: reaches nothing outside' : ''})  ${network.subnets.join(', ')}`;
  if (network.attached.length === 0) return `${head}\nnobody is attached`;
  return `${head}\n${table(
    ['SERVICE', 'ADDRESS', 'CONTAINER'],
    network.attached.map(({ service, address, instance }) => [service, address, instance]),
  )}`;
}
