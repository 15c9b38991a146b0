import { command } from '../../cli/command.js';
import { choice, flag, number, text } from '../../cli/parameters.js';
import { usageError } from '../../errors.js';
import { DATABASE_FORMS } from '../../export/k8s/part.js';
import { formatDuration } from '../../output/units.js';
import { deployK8s, type K8sDeployed } from '../../services/deploy/k8s.js';
import { rememberDeployed } from '../../services/deploy/remember-cluster.js';
import { warnOf } from '../export/losses.js';
import { assertAnswerable, describeRestored, restoreInto } from './restore-into.js';
import { createRolloutBoard } from './rollout-board.js';

export default command({
  summary: 'deploy to a Kubernetes cluster; what does not become ready goes back to what was there before',
  examples: [
    'invctl export k8s      (then say in k8s/overlays/production where the images are)',
    'invctl deploy k8s --context staging --dry-run',
    'invctl deploy k8s --context staging --namespace shop',
    'invctl deploy k8s --context production --remember      (a pipeline has deployed it there)',
    'invctl deploy k8s --restore shop-20261123T005853Z.dump      (with the data of this machine)',
  ],
  flags: {
    dryRun: flag('show what the server would change, and change nothing'),
    namespace: text('name', 'the namespace', { otherwise: "made of the project's name" }),
    output: text('dir', 'the folder of invctl export k8s, whose overlay holds', {
      otherwise: 'k8s of the project',
      short: 'o',
      offers: 'folders',
    }),
    db: choice(
      'form',
      DATABASE_FORMS,
      'what the database becomes; default: as it was exported, else statefulset',
    ),
    ingress: text('host', 'host name under which the app is reached', { otherwise: 'as it was exported' }),
    restore: text('file', 'a backup that the new database gets: verified, loaded, counted', {
      offers: 'backups',
    }),
    timeout: number('seconds', 'how long to wait until ready', { initial: 300, above: 0 }),
    takeOver: flag('win where somebody else has changed what the deployment sets'),
    remember: flag('deploy nothing: another machine has, and commands about what is deployed are to find it'),
  },
  notes:
    'It needs kubectl. --context names a context of the kubeconfig here; without it, the current one holds. Secrets are made from the files of the project, through standard input: each content is an immutable Secret of its own, which pods keep until the next version.\nThe base is written anew from the compose file; overlays/production is yours. Claims, and the data in them, are never removed.',
  data: (z) =>
    z.object({
      namespace: z.string(),
      dryRun: z.boolean(),
      objects: z.array(
        z.object({
          kind: z.string(),
          name: z.string(),
          action: z.enum(['create', 'change', 'unchanged']),
        }),
      ),
      secrets: z.array(
        z.object({
          base: z.string().describe('in the manifests of the export'),
          name: z.string().describe('in the cluster'),
          version: z.int().describe('0: of an external one'),
          keys: z.array(z.string()),
          state: z.enum(['kept', 'new', 'changed', 'external']),
        }),
      ),
      diff: z.string().optional().describe('with --dry-run: what the server would change'),
      restored: z
        .object({
          from: z.string(),
          restored: z.string(),
          previous: z.string().nullable().describe('name of the database that was there; null: none'),
          rows: z.array(
            z.object({
              table: z.string(),
              before: z.int().nullable(),
              after: z.int().nullable(),
            }),
          ),
          restarted: z.array(z.string()),
          swapMs: z.number(),
        })
        .optional()
        .describe('with --restore'),
      seconds: z.record(z.string(), z.number()).describe('until each workload was ready'),
    }),
  async run(context, { flags }) {
    const { dryRun, namespace, output, db, ingress, timeout, takeOver, restore, remember } = flags;
    const { host, context: kubeContext } = context.settings;
    if (host !== undefined) {
      throw usageError(
        '--host names the machine of a Docker engine, and a cluster is reached by a context of the kubeconfig',
        'invctl deploy k8s --context NAME      (kubectl config get-contexts)',
      );
    }
    if (remember) {
      if (dryRun || restore !== undefined)
        throw usageError('--remember deploys nothing', 'invctl deploy k8s --remember');
      return remembered(await rememberDeployed(context, { kubeContext, namespace }));
    }
    if (restore !== undefined && !dryRun) assertAnswerable(context);
    const started = Date.now();
    const board = dryRun ? undefined : await createRolloutBoard(context);
    try {
      const result = await deployK8s(context, {
        dryRun,
        kubeContext,
        namespace,
        folder: output,
        database: db,
        ingress,
        takeOver,
        restore,
        timeoutMs: timeout * 1000,
        onEvent: (event) => board?.show(event),
        onLosses: (losses) => warnOf(context, losses),
      });
      board?.stop();
      if (restore === undefined || dryRun) {
        return { data: { ...result, dryRun }, text: dryRun ? plan(result) : done(result, started) };
      }
      const cluster = { context: kubeContext, namespace: result.namespace };
      const restored = await restoreInto(context, restore, cluster);
      const text = `${done(result, started)}\n\n${describeRestored(restored)}`;
      return { data: { ...result, dryRun, restored: { ...restored } }, text };
    } finally {
      board?.stop();
    }
  },
});

function remembered({ namespace, workloads }: Awaited<ReturnType<typeof rememberDeployed>>) {
  const objects = workloads.map(({ kind, metadata: { name } }) => ({
    kind,
    name,
    action: 'unchanged' as const,
  }));
  const names = objects.map(({ kind, name }) => `${kind} ${name}`).join(', ');
  return {
    data: { namespace, dryRun: false, objects, secrets: [], seconds: {} },
    text: `it is deployed in "${namespace}": ${names}\n\nnext:  invctl status`,
  };
}

function plan({ namespace, objects, secrets, diff }: K8sDeployed): string {
  const changed = objects.filter(({ action }) => action !== 'unchanged');
  const made = secrets.filter(({ state }) => state === 'new' || state === 'changed');
  return [
    changed.length + made.length === 0
      ? `invctl deploy k8s would change nothing in "${namespace}"`
      : `what invctl deploy k8s would change in "${namespace}":`,
    '',
    ...changed.map(({ kind, name, action }) => `  ${kind} ${name}  ${action}`),
    ...made.map(({ name, keys }) => `  Secret ${name}  create: ${keys.join(', ')}`),
    ...(diff ? ['', diff] : []),
  ].join('\n');
}

function done({ namespace, objects, secrets }: K8sDeployed, started: number): string {
  const changed = objects
    .filter(({ action }) => action !== 'unchanged')
    .map(({ kind, name }) => `${kind} ${name}`);
  const made = secrets.filter(({ state }) => state === 'new' || state === 'changed').map(({ name }) => name);
  return [
    changed.length === 0
      ? `"${namespace}" is as it was; nothing was changed`
      : `"${namespace}" is ready after ${formatDuration(Date.now() - started)}: ${changed.join(', ')}`,
    ...(made.length > 0 ? [`secrets made: ${made.join(', ')}`] : []),
    '',
    `next:  kubectl --namespace ${namespace} get pods`,
  ].join('\n');
}
