import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ServicePhase } from '../../engine/engine.js';
import type { Swarm, SwarmService, SwarmTask, TaskSpec } from '../../engine/swarm/swarm.js';

const POLL_MS = 1000;
/** How long the Swarm may take to report an update of a service whose tasks have to change. */
const UPDATE_STARTS_MS = 15_000;
/** How long a task without a health check has to run before it counts as ready. */
const STAYS_UP_MS = 5000;
/** After this time a task that no node accepts, or that cannot be created, fails the rollout. */
const UNPLACED_MS = 20_000;
const REJECTIONS = 3;
const CRASHES = 8;

export interface RolloutEvent {
  service: string;
  phase: ServicePhase;
  elapsedMs: number;
  detail?: string;
}

export interface RolloutFailure {
  service: string;
  reason: 'rolled-back' | 'paused' | 'crashing' | 'rejected' | 'unplaced' | 'failed' | 'timeout';
  /** The Swarm's message. */
  message: string;
  /** Newest task that failed, or that did not become ready. */
  task?: SwarmTask;
}

export interface RolloutInput {
  /** Services before the deployment; a new service is absent. */
  before: ReadonlyMap<string, SwarmService>;
  /** Of {@link failedTasks}, before the deployment. Absent: what has failed by the first look is not its doing. */
  failedBefore?: ReadonlySet<string>;
  timeoutMs: number;
  signal: AbortSignal;
  onEvent: (event: RolloutEvent) => void;
}

/** The tasks of services that have failed so far. A new one may fail before anybody can look at it. */
export async function failedTasks(swarm: Swarm, services: Iterable<SwarmService>): Promise<Set<string>> {
  const tasks = await swarm.tasks([...services]);
  return new Set(tasks.filter(hasFailed).map(({ ID }) => ID));
}

function hasFailed({ Status }: SwarmTask): boolean {
  return Status.State === 'failed' || Status.State === 'rejected';
}

/**
 * Waits until every service of a stack runs as its definition says, or one of them fails.
 *
 * For Swarm a task is `running` once it is healthy. Without a health check it is so at once, and has to stay
 * up for a while.
 *
 * @returns the failures, the first one first; empty when all went well. Seconds until each service was ready.
 */
export async function awaitRollout(
  swarm: Swarm,
  stack: string,
  names: readonly string[],
  { before, failedBefore, timeoutMs, signal, onEvent }: RolloutInput,
): Promise<{ failures: RolloutFailure[]; seconds: Record<string, number> }> {
  const started = performance.now();
  const elapsed = () => performance.now() - started;
  const watches = new Map(names.map((name) => [name, new ServiceWatch(name, failedBefore)]));
  const seconds: Record<string, number> = {};
  for (;;) {
    const services = await swarm.services(stack);
    const tasks = await swarm.tasks(names.flatMap((name) => services.get(name) ?? []));
    const late = elapsed() > timeoutMs;
    const failures: RolloutFailure[] = [];
    let waiting = 0;
    for (const name of names) {
      const service = services.get(name);
      const watch = watches.get(name) as ServiceWatch;
      const own = tasks.filter(({ ServiceID }) => ServiceID === service?.ID);
      const state: Look = service
        ? watch.look(service, own, before.get(name), elapsed())
        : { phase: 'failed', failure: gone(name) };
      if (state.phase === 'healthy' || state.phase === 'completed') seconds[name] ??= elapsed() / 1000;
      else {
        delete seconds[name];
        waiting += 1;
      }
      const { failure, ...shown } = state;
      onEvent({ service: name, elapsedMs: elapsed(), ...shown });
      if (failure) failures.push(failure);
      else if (late && !(name in seconds)) failures.push(watch.late(timeoutMs));
    }
    if (failures.length > 0 || waiting === 0) return { failures, seconds };
    await delay(POLL_MS, undefined, { signal });
  }
}

function gone(service: string): RolloutFailure {
  return { service, reason: 'failed', message: 'the service is not there any more: somebody removed it' };
}

interface Look {
  phase: ServicePhase;
  detail?: string;
  failure?: RolloutFailure;
}

class ServiceWatch {
  readonly #name: string;
  readonly #failedTasks = new Map<string, SwarmTask>();
  /** Tasks that had already failed when the rollout began. */
  #known: ReadonlySet<string> | undefined;
  readonly #runningSince = new Map<string, number>();
  #unplacedSince: number | undefined;
  #last: SwarmTask | undefined;
  #rollingBack: string | undefined;

  constructor(name: string, failedBefore: ReadonlySet<string> | undefined) {
    this.#name = name;
    this.#known = failedBefore;
  }

  look(
    service: SwarmService,
    tasks: readonly SwarmTask[],
    before: SwarmService | undefined,
    now: number,
  ): Look {
    const isNew = before === undefined;
    const template = service.Spec.TaskTemplate;
    this.#notice(tasks, isNew);
    const update = service.UpdateStatus?.State ?? '';
    const said = service.UpdateStatus?.Message ?? '';
    if (update === 'rollback_started') {
      this.#rollingBack ??= said;
      return { phase: 'starting', detail: 'goes back to the version before' };
    }
    if (update === 'rollback_completed' || update === 'rollback_paused') {
      const message =
        update === 'rollback_completed'
          ? 'it went back to the version before'
          : `it was rolling back to the version before, and that stopped: ${said}`;
      return this.#failed('rolled-back', message);
    }
    if (update === 'paused') return this.#failed('paused', `the update stopped: ${said}`);
    // Swarm replaces no task for a change that does not affect the task, such as another restart policy.
    const mayStay =
      !isNew && (isDeepStrictEqual(before.Spec.TaskTemplate, template) || now > UPDATE_STARTS_MS);
    const current = tasks.filter((task) => isOf(task, template));
    const unplaced = tasks.find(({ Status }) => Status.State === 'pending');
    if (unplaced?.Status.Err) {
      this.#unplacedSince ??= now;
      if (now - this.#unplacedSince > UNPLACED_MS) {
        return this.#failed('unplaced', 'it waits for a node', unplaced);
      }
    } else this.#unplacedSince = undefined;
    if (isNew) {
      const rejected = [...this.#failedTasks.values()].filter(({ Status }) => Status.State === 'rejected');
      if (rejected.length >= REJECTIONS) return this.#failed('rejected', 'no container can be made of it');
      if (this.#failedTasks.size - rejected.length >= CRASHES) {
        return this.#failed('crashing', 'it keeps crashing and is started again');
      }
    }
    return this.#judge(service, current.length === 0 && mayStay ? tasks : current, update, now);
  }

  #judge(service: SwarmService, tasks: readonly SwarmTask[], update: string, now: number): Look {
    const { Mode, TaskTemplate } = service.Spec;
    const newest = newestPerSlot(tasks);
    // One on each node that takes tasks: on one that is down, the Swarm wants none any more.
    const placed = newest.filter(({ DesiredState }) => !['shutdown', 'remove'].includes(DesiredState));
    const wanted = Mode.Replicated?.Replicas ?? Math.max(1, placed.length);
    if (wanted === 0) return { phase: 'completed' };
    const ended = newest.filter(({ Status }) => Status.State === 'complete');
    const endsByItself =
      TaskTemplate.RestartPolicy?.Condition === 'none' || Mode.ReplicatedJob || Mode.GlobalJob;
    if (endsByItself) {
      const failed = newest.find(({ Status }) => ['failed', 'rejected'].includes(Status.State));
      if (failed) return this.#failed('failed', 'it ended with a failure', failed);
    }
    if (ended.length >= wanted && TaskTemplate.RestartPolicy?.Condition !== 'any')
      return { phase: 'completed' };
    const running = tasks.filter(
      ({ DesiredState, Status }) => DesiredState === 'running' && Status.State === 'running',
    );
    const test = TaskTemplate.ContainerSpec.Healthcheck?.Test?.[0];
    const checked = test !== undefined && test !== 'NONE';
    const steady = running.filter((task) => {
      const since = this.#runningSince.get(task.ID) ?? now;
      this.#runningSince.set(task.ID, since);
      return checked || now - since >= STAYS_UP_MS;
    });
    if (update !== 'updating' && steady.length >= wanted) return { phase: 'healthy' };
    const state = newest[0]?.Status.State ?? 'created';
    const detail = wanted > 1 ? `${running.length} of ${wanted} tasks run` : newest[0]?.Status.Err || state;
    return { phase: 'starting', ...(detail ? { detail } : {}) };
  }

  #notice(tasks: readonly SwarmTask[], isNew: boolean): void {
    const failed = tasks.filter(hasFailed);
    this.#known ??= new Set(isNew ? [] : failed.map(({ ID }) => ID));
    for (const task of failed) {
      if (!this.#known.has(task.ID) && !this.#failedTasks.has(task.ID)) this.#failedTasks.set(task.ID, task);
    }
    this.#last = tasks.find(({ DesiredState }) => DesiredState !== 'shutdown') ?? tasks[0];
  }

  /** The newest task that failed since the rollout began; if none did, the one that is starting. */
  #evidence(): SwarmTask | undefined {
    const failed = [...this.#failedTasks.values()].sort((a, b) => b.CreatedAt.localeCompare(a.CreatedAt));
    return failed[0] ?? this.#last;
  }

  #failed(reason: RolloutFailure['reason'], message: string, task = this.#evidence()): Look {
    const failure = { service: this.#name, reason, message, ...(task ? { task } : {}) };
    return { phase: 'failed', failure };
  }

  late(timeoutMs: number): RolloutFailure {
    const task = this.#evidence();
    const message = this.#rollingBack ?? `it was not ready within ${Math.round(timeoutMs / 1000)} s`;
    return { service: this.#name, reason: 'timeout', message, ...(task ? { task } : {}) };
  }
}

/** Parts of a container that show whether a task still matches its service. */
const SAME = ['Image', 'Command', 'Args', 'Env', 'Secrets', 'Configs', 'Mounts', 'User', 'Healthcheck'];

function isOf({ Spec }: SwarmTask, template: TaskSpec): boolean {
  return (
    (Spec.ForceUpdate ?? 0) === (template.ForceUpdate ?? 0) &&
    SAME.every((key) => isDeepStrictEqual(Spec.ContainerSpec[key], template.ContainerSpec[key]))
  );
}

/** Tasks come newest first. */
function newestPerSlot(tasks: readonly SwarmTask[]): SwarmTask[] {
  const slots = new Map<string, SwarmTask>();
  for (const task of tasks) {
    const slot = String(task.Slot ?? task.NodeID ?? task.ID);
    if (!slots.has(slot)) slots.set(slot, task);
  }
  return [...slots.values()];
}
