import { z } from 'zod';
import { createSwarm, type ServiceSpec, type Swarm, type SwarmService } from '../../engine/swarm/swarm.js';
import { ExitCode, UserError } from '../../errors.js';
import type { ServiceContext } from '../context.js';
import { operation } from '../operation.js';
import type { TakenBack } from './deploy-failed.js';
import { forgetCluster } from './deployed-record.js';
import { fingerprint, hasFingerprint } from './fingerprint.js';
import { DEFINITION } from './swarm-changes.js';
import { awaitRollout } from './swarm-rollout.js';
import { removeOldSecrets } from './swarm-secrets.js';

/** Least time allowed for a rollback that invctl asked for. */
const ROLLBACK_MS = 180_000;

const stateSchema = z.object({
  stack: z.string(),
  /** Names of the services that are deployed. */
  services: z.array(z.string()),
  /** The services before, by name: their version, and a fingerprint of their definition, which may hold secrets. */
  before: z.record(z.string(), z.object({ index: z.int(), spec: z.string() })),
  /** Names of the secrets that it makes. */
  made: z.array(z.string()),
  secrets: z.array(z.object({ base: z.string(), version: z.int() })),
  /** Labels that nodes get, as text for a person. */
  labels: z.array(z.string()),
  timeoutMs: z.number(),
});

export type SwarmDeployment = z.infer<typeof stateSchema>;

export const TAKEN_BACK: Readonly<Record<TakenBack, string>> = {
  removed: 'There was no version before: the stack is removed again, its volumes are kept',
  back: 'Every service is back on the version before',
  stuck: 'The version before is not back on all services',
};

/** The steps: secrets and definitions are handed over, the Swarm rolls them out, old secrets are removed. */
const STEPS = ['apply', 'wait', 'clean'] as const;

/**
 * Once everything was handed over, a deployment that was cut off is finished if its services get ready;
 * otherwise everything is back on the version before.
 */
export const swarmDeployOperation = operation({
  name: 'deploy swarm',
  state: stateSchema,
  steps: STEPS,
  async reopen({ processes, env, signal }): Promise<Swarm> {
    const swarm = createSwarm(processes, env, signal);
    await swarm.assertManager();
    return swarm;
  },
  finish: {
    applies: async (_context, _swarm, { step }) => step !== 'apply',
    async complete(context, swarm, { state, step }) {
      if (step === 'wait') await assertRolledOut(context, swarm, state);
      await removeOldSecrets(swarm, state.secrets);
      await forgetCluster(context.project());
      return `"${state.stack}" runs in the Swarm`;
    },
  },
  async revert({ warn }, swarm, { state }) {
    return TAKEN_BACK[await takeBackStack(swarm, state, warn)];
  },
});

/** What a deployment has to know to be finished or taken back later. */
export function recordBefore(services: ReadonlyMap<string, SwarmService>): SwarmDeployment['before'] {
  const recorded = [...services].map(([name, { Version, Spec }]) => [
    name,
    { index: Version.Index, spec: fingerprint(bytesOf(Spec)) },
  ]);
  return Object.fromEntries(recorded);
}

async function assertRolledOut(
  { signal }: ServiceContext,
  swarm: Swarm,
  { stack, services, before, timeoutMs }: SwarmDeployment,
): Promise<void> {
  const there = [...(await swarm.services(stack))].filter(([name]) => name in before);
  const { failures } = await awaitRollout(swarm, stack, services, {
    before: new Map(there),
    timeoutMs,
    signal,
    onEvent: () => {},
  });
  if (failures.length === 0) return;
  throw new UserError({
    code: 'DEPLOY_FAILED',
    message: failures.map(({ service, message }) => `"${service}": ${message}`).join('; '),
    hint: `docker stack ps --no-trunc ${stack}`,
    exitCode: ExitCode.unhealthy,
  });
}

/** Rolls back everything that a deployment changed, also healthy services: they belong to one version. */
export async function takeBackStack(
  swarm: Swarm,
  state: SwarmDeployment,
  warn: (message: string) => void,
): Promise<TakenBack> {
  const isFirst = Object.keys(state.before).length === 0;
  try {
    if (isFirst) {
      await swarm.removeStack(state.stack);
      for (const label of state.labels) warn(label);
    } else await rollBackAll(swarm, state, warn);
    const left: string[] = [];
    const there = new Set((await swarm.secrets()).map(({ Spec }) => Spec.Name));
    for (const name of state.made) {
      if (there.has(name) && !(await swarm.removeSecret(name))) left.push(name);
    }
    if (left.length > 0) warn(`still in use, and left in the Swarm: ${left.join(', ')}`);
    return isFirst ? 'removed' : 'back';
  } catch (error) {
    warn(`the way back was not completed: ${error instanceof Error ? error.message : String(error)}`);
    return 'stuck';
  }
}

async function rollBackAll(
  swarm: Swarm,
  { stack, services: names, before, timeoutMs }: SwarmDeployment,
  warn: (message: string) => void,
): Promise<void> {
  const now = await swarm.services(stack);
  const isNew = ([name]: [string, SwarmService]) => names.includes(name) && !(name in before);
  await swarm.removeServices([...now].filter(isNew).map(([, service]) => service));
  const goingBack = new Set<string>();
  for (const [name, service] of now) {
    const earlier = before[name];
    // An unchanged index shows that this deployment did not reach the service.
    if (!earlier || earlier.index === service.Version.Index) continue;
    const state = service.UpdateStatus?.State ?? '';
    if (state === 'rollback_completed') continue;
    if (hasFingerprint(bytesOf(service.Spec), earlier.spec)) continue;
    if (state !== 'rollback_started') {
      // The Swarm knows one version before, and somebody may have deployed since this was cut off.
      if (service.PreviousSpec && !hasFingerprint(bytesOf(service.PreviousSpec), earlier.spec)) {
        warn(`${service.Spec.Name} was changed again since, and stays as it is`);
        continue;
      }
      await swarm.rollBack(service);
    }
    goingBack.add(name);
  }
  await awaitBack(swarm, stack, goingBack, Math.max(timeoutMs, ROLLBACK_MS));
}

async function awaitBack(
  swarm: Swarm,
  stack: string,
  goingBack: Set<string>,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (goingBack.size > 0 && performance.now() < deadline) {
    const services = await swarm.services(stack);
    for (const name of goingBack) {
      const service = services.get(name);
      const state = service?.UpdateStatus?.State ?? '';
      if (!service || !['rollback_started', 'updating'].includes(state)) goingBack.delete(name);
    }
    if (goingBack.size > 0) await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  if (goingBack.size === 0) return;
  const left = [...goingBack].map((name) => `${stack}_${name}`);
  throw new UserError({
    code: 'ROLLBACK_LATE',
    message: `${left.join(', ')} did not come back within ${Math.round(timeoutMs / 1000)} s`,
    hint: `docker service ps --no-trunc ${left[0]}`,
  });
}

/**
 * What a deployment gives a service. The engine fills in defaults of other fields in the definition of now, and
 * not in the one before; the label has a digest of them as they were deployed.
 */
function bytesOf({ Labels, TaskTemplate: { ContainerSpec, ForceUpdate } }: ServiceSpec): Buffer {
  const { Image, Command, Args, Env, Secrets } = ContainerSpec;
  const names = Secrets?.map(({ SecretName }) => SecretName) ?? [];
  return Buffer.from(
    JSON.stringify([Labels?.[DEFINITION], Image, Command, Args, Env, names, ForceUpdate ?? 0]),
  );
}
