import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createEngine } from '../../engine/select.js';
import {
  createSwarm,
  refusal,
  type Swarm,
  type SwarmNode,
  type SwarmService,
} from '../../engine/swarm/swarm.js';
import { CommandError, ExitCode, UserError } from '../../errors.js';
import type { ExportSource, Loss } from '../../export/source.js';
import type { Json } from '../../export/swarm/json.js';
import { nameInSwarm } from '../../export/swarm/names.js';
import { type StackFile, swarmStackFile } from '../../export/swarm/stack-file.js';
import { settingsIn } from '../../project/present-settings.js';
import { toldOfReplaced } from '../../project/replaced-volumes.js';
import { assertNothingUnfinished } from '../../system/journal.js';
import { withProjectLock } from '../../system/lock.js';
import type { ServiceContext } from '../context.js';
import { exportSource } from '../export.js';
import { provideSecrets } from '../secrets/provide.js';
import { forgetCluster } from './deployed-record.js';
import { runDeployment } from './deployment.js';
import { causeFinder, type DeployFailure } from './evidence.js';
import { recoverDeployments } from './interrupted.js';
import { explainFailure } from './swarm-causes.js';
import {
  assertModesKept,
  compareServices,
  DEFINITION,
  type ServiceChange,
  volumesLeft,
} from './swarm-changes.js';
import { labelsAskedFor, nodesOfData } from './swarm-data-node.js';
import { type ImageInput, type PinnedImage, pinImages } from './swarm-images.js';
import {
  recordBefore,
  type SwarmDeployment,
  swarmDeployOperation,
  TAKEN_BACK,
  takeBackStack,
} from './swarm-operation.js';
import { type PlacedLabel, placeLabels, setLabels } from './swarm-placement.js';
import { awaitRemoval, pastOldNetworks } from './swarm-removal.js';
import { awaitRollout, failedTasks, type RolloutEvent, type RolloutFailure } from './swarm-rollout.js';
import { createSecrets, planSecrets, removeOldSecrets, type VersionedSecret } from './swarm-secrets.js';

export interface SwarmDeployInput {
  dryRun: boolean;
  images: ImageInput['from'];
  timeoutMs: number;
  /** Node that gets the data, if no node has it yet. */
  node?: string | undefined;
  chooseNode: (label: string, nodes: readonly SwarmNode[]) => Promise<SwarmNode>;
  onEvent: (event: RolloutEvent) => void;
  /** Called once, with everything in the compose file that the Swarm does not support. */
  onLosses?: (losses: readonly Loss[]) => void;
}

export interface SwarmDeployed {
  stack: string;
  /** Services with their changes; with a dry run, the changes that would be made. */
  services: ServiceChange[];
  secrets: Omit<VersionedSecret, 'content' | 'variable'>[];
  images: PinnedImage[];
  labels: { label: string; node: string; kept: boolean }[];
  seconds: Record<string, number>;
}

interface Plan {
  stack: string;
  file: StackFile;
  env: Record<string, string>;
  secrets: VersionedSecret[];
  images: PinnedImage[];
  labels: PlacedLabel[];
  before: Map<string, SwarmService>;
  services: ServiceChange[];
  masked: readonly string[];
}

/**
 * Deploys the project to the engine's Swarm and waits until every service runs. When one fails, everything
 * that this deployment changed is rolled back; a stack that was not there before is removed, and its volumes
 * stay.
 *
 * @throws UserError SWARM_ABSENT, SWARM_NOT_MANAGER (exit 3), COMPOSE_RUNNING, NAME_REFUSED, MODE_FIXED, STACK_BEING_REMOVED, of
 * secrets, images and nodes before anything is changed; STACK_REFUSED; DEPLOY_FAILED (exit 6) with what is wrong
 */
export async function deploySwarm(context: ServiceContext, input: SwarmDeployInput): Promise<SwarmDeployed> {
  const location = context.project();
  const swarm = createSwarm(context.processes, context.env, context.signal);
  const options = { command: 'invctl deploy swarm', recovers: true, signal: context.signal };
  return withProjectLock(location, options, async () => {
    if (input.dryRun) await assertNothingUnfinished(location);
    else await recoverDeployments(context, swarmDeployOperation);
    return deployLocked(context, swarm, { ...input, journaled: true });
  });
}

/**
 * {@link deploySwarm} for a caller that holds the project's lock.
 * @param input.journaled false where it is a step of an operation that has a journal
 */
export async function deployLocked(
  context: ServiceContext,
  swarm: Swarm,
  input: SwarmDeployInput & { journaled: boolean },
): Promise<SwarmDeployed> {
  await swarm.assertManager();
  const plan = await planDeployment(context, swarm, input);
  const told: SwarmDeployed = {
    stack: plan.stack,
    services: plan.services,
    secrets: plan.secrets.map(({ content: _, variable: __, ...secret }) => secret),
    images: plan.images,
    labels: plan.labels.map(({ label, node, kept }) => ({ label, node: node.Description.Hostname, kept })),
    seconds: {},
  };
  if (input.dryRun) return told;
  const { stack, before } = plan;
  await awaitRemoval(swarm, stack, {
    services: plan.file.services.filter((name) => !before.has(name)),
    timeoutMs: input.timeoutMs,
    signal: context.signal,
    onEvent: input.onEvent,
  });
  const { tag } = swarm;
  for (const image of plan.images) if (image.tag) await tag(image.pinned, image.tag);
  await setLabels(swarm, plan.labels);
  const failedBefore = await failedTasks(swarm, before.values());
  const state = deploymentOf(plan, input.timeoutMs);
  const seconds = await runDeployment(context, {
    operation: swarmDeployOperation,
    state,
    journaled: input.journaled,
    name: stack,
    async handOver() {
      await createSecrets(swarm, stack, plan.secrets);
      await handOver(context, swarm, plan);
    },
    watch: () => {
      const { timeoutMs, onEvent } = input;
      const { signal } = context;
      return awaitRollout(swarm, stack, plan.file.services, {
        before,
        failedBefore,
        timeoutMs,
        signal,
        onEvent,
      });
    },
    continues: `the Swarm goes on with the update of "${stack}" without invctl, and rolls it back if it fails; to wait for the result: invctl recover`,
    explain: (failures) => explain(context, swarm, plan, failures),
    takeBack: () => takeBackStack(swarm, state, context.warn),
    words: {
      subject: `the stack "${stack}"`,
      orchestrator: 'the Swarm',
      healthCheck: 'health check',
      takenBack: TAKEN_BACK,
      next: `docker stack ps --no-trunc ${stack}`,
      details: { stack },
    },
    async clean() {
      await removeOldSecrets(swarm, plan.secrets);
      await forgetCluster(context.project());
    },
  });
  return { ...told, seconds };
}

function deploymentOf({ stack, file, before, secrets, labels }: Plan, timeoutMs: number): SwarmDeployment {
  return {
    stack,
    services: file.services,
    before: recordBefore(before),
    made: secrets.filter(({ state }) => state !== 'kept').map(({ name }) => name),
    secrets: secrets.map(({ base, version }) => ({ base, version })),
    labels: labels
      .filter(({ kept }) => !kept)
      .map(
        ({ label, node }) =>
          `${node.Description.Hostname} keeps the label ${label}: a volume may have been made there`,
      ),
    timeoutMs,
  };
}

async function planDeployment(
  context: ServiceContext,
  swarm: Swarm,
  { images: from, dryRun, node, chooseNode, onEvent, onLosses }: SwarmDeployInput,
): Promise<Plan> {
  const location = context.project();
  const source = await exportSource(context);
  const stack = source.project.name;
  await assertNoCompose(swarm, stack);
  const settings = await settingsIn(location);
  if (settings && !dryRun) await provideSecrets(context, settings.secrets, source.project, []);
  const nodes = await swarm.nodes();
  for (const { Description, Status } of nodes) {
    if (Status.State !== 'ready')
      context.warn(
        `the node ${Description.Hostname} is ${Status.State}: what only it can run does not start. docker node ls`,
      );
  }
  const preview = swarmStackFile(source, { configsFolder: 'configs' });
  // The deployment itself handles secrets and images.
  onLosses?.(preview.losses.filter(({ key }) => !/^secrets\.|^services\.[^.]+\.build$/.test(key)));
  const before = await swarm.services(stack);
  assertNamesTaken(stack, preview.services);
  assertModesKept(before, preview.definitions, stack);
  const inUse = new Set([...before.values()].flatMap(({ Spec }) => labelsAskedFor(Spec.TaskTemplate)));
  for (const volume of volumesLeft(before, source.project))
    context.warn(toldOfReplaced(volume, 'invctl deploy swarm'));
  const runsOn = await nodesOfData(swarm, before, preview.definitions, preview.nodeLabels);
  const labels = await placeLabels(nodes, preview.nodeLabels, { inUse, runsOn }, node, chooseNode);
  for (const { label, node: chosen, kept } of labels) {
    if (!kept && inUse.has(label))
      context.warn(
        `no node has the label ${label} any more: on ${chosen.Description.Hostname} the service starts empty, unless that node has its volume`,
      );
  }
  const secrets = await planSecrets(swarm, source, preview.secrets);
  const engine = await createEngine('docker', context);
  const started = performance.now();
  const images = await pinImages({ swarm, nodes, engine, location }, source.project, {
    from,
    running: new Map([...before].map(([name, { Spec }]) => [name, Spec.TaskTemplate.ContainerSpec.Image])),
    dryRun,
    signal: context.signal,
    onBuild: (service, detail) =>
      onEvent({ service, phase: 'building', elapsedMs: performance.now() - started, detail }),
  });
  const pinned = withImages(source, images);
  const file = swarmStackFile(pinned, {
    configsFolder: 'configs',
    labels: (definition) => ({ [DEFINITION]: digest(definition) }),
  });
  const digests = new Map(Object.entries(file.definitions).map(([name, one]) => [name, digest(one)]));
  return {
    stack,
    file,
    secrets,
    images,
    labels,
    before,
    masked: source.secrets,
    env: {
      ...Object.fromEntries(secrets.map(({ variable, version }) => [variable, String(version)])),
      ...Object.fromEntries(
        file.variables.map(({ service, name, asked }) => [
          asked,
          source.project.services[service]?.environment[name] ?? '',
        ]),
      ),
    },
    services: compareServices(before, {
      project: source.project,
      definitions: file.definitions,
      digests,
      images,
      secrets,
    }),
  };
}

function withImages(source: ExportSource, images: readonly PinnedImage[]): ExportSource {
  const services = { ...source.project.services };
  for (const { service, pinned } of images) {
    const own = services[service];
    if (own) services[service] = { ...own, image: pinned };
  }
  return { ...source, project: { ...source.project, services } };
}

function digest(definition: Json): string {
  return createHash('sha256').update(JSON.stringify(definition)).digest('hex').slice(0, 16);
}

function assertNamesTaken(stack: string, services: readonly string[]): void {
  for (const service of services) {
    const taken = nameInSwarm(stack, service);
    if (taken === undefined) continue;
    throw new UserError({
      code: 'NAME_REFUSED',
      message: `Swarm takes no service of the name "${service}" in the stack "${stack}": letters, digits, - and _ alone, and 63 characters with the stack's name`,
      hint: `call it ${taken} in the compose file, and under it: networks: {default: {aliases: [${service}]}}      (others reach it as before), then: invctl deploy swarm`,
      exitCode: ExitCode.projectInvalid,
    });
  }
}

/** A stack of the same name has the same volumes, and two servers on one data folder destroy it. */
async function assertNoCompose(swarm: Swarm, project: string): Promise<void> {
  const running = await swarm.composeContainers(project);
  if (running.length === 0) return;
  throw new UserError({
    code: 'COMPOSE_RUNNING',
    message: `the project "${project}" runs under Compose on this engine (${running.join(', ')}), and its stack would have the same volumes and networks: two servers on one data folder destroy it`,
    hint: 'invctl db backup && invctl down && invctl deploy swarm      (the volumes stay, and the stack takes them over)',
  });
}

/** Uses a temporary folder, because the client reads configs beside the stack file. */
async function handOver({ warn, signal }: ServiceContext, swarm: Swarm, plan: Plan): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'invctl-stack-'));
  try {
    const path = join(folder, 'stack.yaml');
    await writeFile(path, plan.file.text, { mode: 0o600 });
    for (const { path: name, content } of plan.file.files) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), content, { mode: 0o600 });
    }
    const said = await pastOldNetworks(() => swarm.deploy(plan.stack, path, plan.env), signal);
    for (const line of said.split('\n').filter((one) => /level=warning/.test(one))) warn(line);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new UserError({
      code: 'STACK_REFUSED',
      message: `the Swarm refuses the stack: ${refusal(error)}`,
      hint: 'invctl export swarm -o -      (the file that it is given)',
      cause: error,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function explain(
  context: ServiceContext,
  swarm: Swarm,
  { stack, masked }: Plan,
  failures: readonly RolloutFailure[],
): Promise<DeployFailure[]> {
  const findCause = await causeFinder(context, {
    logs: (service, lines) => `docker service logs --tail ${lines} ${stack}_${service}`,
    exec: (service, command) =>
      `docker exec $(docker ps -q -f label=com.docker.swarm.service.name=${stack}_${service}) ${command}`,
    start: 'invctl deploy swarm',
    rebuild: 'invctl build --no-cache && invctl deploy swarm',
    networks: `docker stack services ${stack}; docker service inspect --pretty ${stack}_NAME`,
    space: 'docker system df && df -h      (on the node that docker service ps names)',
  });
  const explained: DeployFailure[] = [];
  for (const failure of failures) {
    explained.push(await explainFailure(swarm, stack, failure, findCause, masked));
  }
  return explained;
}
