import { command } from '../../cli/command.js';
import { flag, number, text } from '../../cli/parameters.js';
import { formatDuration } from '../../output/units.js';
import { deploySwarm, type SwarmDeployed } from '../../services/deploy/swarm.js';
import { nodeUndecided } from '../../services/deploy/swarm-placement.js';
import { warnOf } from '../export/losses.js';
import { createRolloutBoard } from './rollout-board.js';

export default command({
  summary: 'deploy to a Docker Swarm; what does not become healthy goes back to the version before',
  examples: ['invctl deploy swarm --dry-run', 'invctl deploy swarm', 'invctl deploy swarm --node db-1'],
  flags: {
    dryRun: flag('say what would change, and change nothing'),
    noBuild: flag('deploy the images that are there'),
    node: text('node', 'the node that keeps the data, where none has it yet', {
      otherwise: 'the only one, else asked',
    }),
    timeout: number('seconds', 'how long to wait until healthy', { initial: 300, above: 0 }),
  },
  notes:
    'It needs a manager of a Swarm (docker swarm init). Secrets are versions there: a changed file is a new one, the one before stays for a rollback.\nOn one node the images of its engine run, by their content; several nodes have theirs from a registry, by digest.\nA port of the loopback interface is not opened: Swarm would open it on every node.',
  data: (z) =>
    z.object({
      stack: z.string(),
      dryRun: z.boolean(),
      services: z.array(
        z.object({
          service: z.string(),
          action: z
            .enum(['create', 'update', 'unchanged', 'leave'])
            .describe('leave: not in the project any more'),
          changes: z.array(z.string()).describe('names; no value of a variable'),
        }),
      ),
      secrets: z.array(
        z.object({
          key: z.string().describe('in the compose file'),
          base: z.string(),
          version: z.int(),
          name: z.string().describe('in the Swarm'),
          state: z
            .enum(['kept', 'new', 'changed', 'unknown'])
            .describe('unknown: the versions that were there were made by hand'),
        }),
      ),
      images: z.array(
        z.object({
          service: z.string(),
          image: z.string(),
          pinned: z.string().describe('id on the only node, or name with digest'),
          tag: z.string().optional().describe('that keeps a built image for a rollback'),
        }),
      ),
      labels: z.array(z.object({ label: z.string(), node: z.string(), kept: z.boolean() })),
      seconds: z.record(z.string(), z.number()).describe('until each service was ready'),
    }),
  async run(context, { flags: { dryRun, noBuild, node, timeout } }) {
    const started = Date.now();
    const board = dryRun ? undefined : await createRolloutBoard(context);
    try {
      const result = await deploySwarm(context, {
        dryRun,
        images: noBuild ? 'local' : 'built',
        node,
        timeoutMs: timeout * 1000,
        chooseNode: async (label, nodes) => {
          const [first] = nodes;
          if (!first || context.prompts.canAsk === false) throw nodeUndecided(label, nodes);
          const choices = nodes.map((one) => ({ name: one.Description.Hostname, value: one }));
          return context.prompts.choose(`Which node keeps the data (${label})?`, choices, first);
        },
        onEvent: (event) => board?.show(event),
        onLosses: (losses) => warnOf(context, losses),
      });
      const data = { ...result, dryRun };
      return { data, text: dryRun ? plan(result) : done(result, started) };
    } finally {
      board?.stop();
    }
  },
});

const SECRET_STATES = {
  kept: 'as it is',
  new: 'to be made',
  changed: 'to be made: the file has another content',
  unknown: 'to be made: what the versions there hold is not known',
} as const;

function plan({ stack, services, secrets, images, labels }: SwarmDeployed): string {
  const lines = [`what invctl deploy swarm would change in "${stack}":`, ''];
  for (const { service, action, changes } of services) {
    lines.push(`  ${service}  ${action}${changes.length > 0 ? `: ${changes.join(', ')}` : ''}`);
  }
  for (const { name, state } of secrets) lines.push(`  secret ${name}  ${SECRET_STATES[state]}`);
  for (const { service, image, pinned } of images) {
    lines.push(
      `  image ${image}  ${pinned === image ? `known once it is built or pulled for "${service}"` : pinned.slice(0, 71)}`,
    );
  }
  for (const { label, node, kept } of labels) {
    lines.push(`  node ${node}  ${kept ? 'has' : 'gets'} the label ${label}, and with it the data`);
  }
  return lines.join('\n');
}

function done({ stack, services, secrets, labels }: SwarmDeployed, started: number): string {
  const changed = services.filter(({ action }) => action === 'create' || action === 'update');
  const made = secrets.filter(({ state }) => state !== 'kept').map(({ name }) => name);
  return [
    changed.length === 0
      ? `"${stack}" runs as it did; nothing was changed`
      : `"${stack}" runs in the Swarm after ${formatDuration(Date.now() - started)}: ${changed.map(({ service }) => service).join(', ')}`,
    ...(made.length > 0 ? [`secrets made: ${made.join(', ')}`] : []),
    ...labels
      .filter(({ kept }) => !kept)
      .map(({ label, node }) => `the data is on the node ${node}, by its label ${label}`),
    ...services
      .filter(({ action }) => action === 'leave')
      .map(({ service, changes }) => `${service}: ${changes.join()}`),
    '',
    `next:  docker stack services ${stack}`,
  ].join('\n');
}
