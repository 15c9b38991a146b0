import { command, group } from '../cli/command.js';
import { required } from '../cli/parameters.js';
import type { NetworkStatus } from '../engine/engine.js';
import { UserError } from '../errors.js';
import type { Zod } from '../output/shapes.js';
import { table } from '../output/table.js';

const network = (z: Zod) =>
  z.object({
    key: z.string().optional(),
    name: z.string(),
    driver: z.string(),
    internal: z.boolean(),
    subnets: z.array(z.string()),
    attached: z.array(z.object({ service: z.string(), instance: z.string(), address: z.string() })),
  });

const ls = command({
  summary: 'the networks of this project and who is attached',
  examples: ['invctl network ls'],
  data: (z) => z.object({ networks: z.array(network(z)) }),
  async run(context) {
    const networks = await (await context.engine()).networks(context.project());
    return {
      data: { networks },
      text: networks.length > 0 ? networkTable(networks) : 'no networks; `invctl up` makes them',
    };
  },
});

const inspect = command({
  summary: 'one network: subnet and the address of each service',
  examples: ['invctl network inspect backend'],
  args: { network: required('key or name', { offers: 'networks' }) },
  data: (z) => z.object({ network: network(z) }),
  async run(context, { args }) {
    const networks = await (await context.engine()).networks(context.project());
    const found = networks.find(({ key, name }) => key === args.network || name === args.network);
    if (!found) {
      throw new UserError({
        code: 'UNKNOWN_NETWORK',
        message: `the project "${context.project().name}" has no network "${args.network}"`,
        hint:
          networks.length > 0
            ? `networks: ${networks.map(({ key, name }) => key ?? name).join(', ')}`
            : 'invctl up',
      });
    }
    return { data: { network: found }, text: describe(found) };
  },
});

export default group({
  summary: 'who can reach whom',
  examples: ['invctl network ls', 'invctl network inspect backend'],
  commands: { ls, inspect },
});

function networkTable(networks: readonly NetworkStatus[]): string {
  return table(
    ['NETWORK', 'NAME', 'DRIVER', 'INTERNAL', 'ATTACHED'],
    networks.map(({ key, name, driver, internal, attached }) => [
      key ?? '-',
      name,
      driver,
      internal ? 'yes' : 'no',
      attached.map(({ service }) => service).join(', ') || '-',
    ]),
  );
}

function describe(network: NetworkStatus): string {
  const head = `${network.name} (${network.driver}${network.internal ? ', internal: reaches nothing outside' : ''})  ${network.subnets.join(', ')}`;
  if (network.attached.length === 0) return `${head}\nno service is attached`;
  return `${head}\n${table(
    ['SERVICE', 'ADDRESS', 'CONTAINER'],
    network.attached.map(({ service, address, instance }) => [service, address, instance]),
  )}`;
}
