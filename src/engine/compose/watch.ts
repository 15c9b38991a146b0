import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessRunner } from '../../system/process.js';
import type { ServiceEvent, UpOptions, UpOutcome } from '../engine.js';
import type { ServiceStatus } from '../service-status.js';
import * as argv from './argv.js';
import { type ContainerEvent, parseEvent } from './parse.js';

/**
 * A service that its restart policy starts again counts as failed after more failing exits than this in one
 * `up`.
 */
const CRASHES_TOLERATED = 2;

/**
 * In milliseconds. A service without a health check counts as ready after running this long: many programs
 * crash at once.
 */
const STEADY_MS = 1000;

type Failure = UpOutcome['failed'][number];

/**
 * Follows the containers of a project from created to ready by the engine's event stream. It is exact to the
 * millisecond and needs no polling.
 */
export class ContainerWatch {
  readonly #startedMs = Date.now();
  readonly #stream = new AbortController();
  readonly #readyMs = new Map<string, number>();
  readonly #lastPhase = new Map<string, ServiceEvent['phase']>();
  readonly #crashes = new Map<string, number>();
  /** Time by our own clock at which a service without a health check was first seen running. */
  readonly #runningSinceMs = new Map<string, number>();
  readonly #touched = new Set<string>();
  readonly #createdIds = new Set<string>();
  readonly #startedIds = new Set<string>();
  readonly #onEvent: (event: ServiceEvent) => void;
  #wake: () => void = () => {};
  #running: Promise<void> = Promise.resolve();

  constructor(onEvent: (event: ServiceEvent) => void) {
    this.#onEvent = onEvent;
  }

  /** Ids of the containers that were made while we watched. */
  get createdIds(): string[] {
    return [...this.#createdIds];
  }

  get touchedServices(): Set<string> {
    return this.#touched;
  }

  open(processes: ProcessRunner, projectName: string, cwd: string): void {
    this.#running = (async () => {
      const lines = processes.lines('docker', argv.events(projectName, this.#startedMs / 1000), {
        cwd,
        signal: this.#stream.signal,
      });
      for await (const line of lines) {
        const event = parseEvent(line);
        if (event) this.#take(event);
      }
    })().catch((error: unknown) => {
      if (!this.#stream.signal.aborted) throw error;
    });
    // `untilReady` reports a failing stream; until then the rejection must not end the process.
    this.#running.catch(() => this.#wake());
  }

  async close(): Promise<void> {
    this.#stream.abort();
    await this.#running.catch(() => {});
  }

  #take(event: ContainerEvent): void {
    const { service } = event;
    this.#touched.add(service);
    switch (event.action) {
      case 'create':
        this.#createdIds.add(event.containerId);
        this.#say(service, 'created', event);
        break;
      case 'start':
        this.#startedIds.add(event.containerId);
        this.#say(service, 'starting', event);
        break;
      case 'healthy':
        this.#ready(service, 'healthy', event.timeMs);
        break;
      case 'unhealthy':
        this.#say(service, 'failed', event, 'unhealthy');
        break;
      case 'die':
        // Compose stops this old container to recreate it. It is neither the end of the service's work nor a
        // crash.
        if (!this.#startedIds.has(event.containerId)) break;
        this.#readyMs.delete(service);
        this.#runningSinceMs.delete(service);
        if (event.exitCode === 0) {
          this.#ready(service, 'completed', event.timeMs);
        } else {
          const crashes = (this.#crashes.get(service) ?? 0) + 1;
          this.#crashes.set(service, crashes);
          this.#say(service, 'failed', event, `exited with ${event.exitCode}`);
        }
        break;
      case 'oom':
      case 'destroy':
        break;
    }
    this.#wake();
  }

  #ready(service: string, phase: 'healthy' | 'running' | 'completed', timeMs: number): void {
    if (!this.#readyMs.has(service)) this.#readyMs.set(service, timeMs);
    this.#say(service, phase, { timeMs });
  }

  #say(service: string, phase: ServiceEvent['phase'], event: { timeMs: number }, detail?: string): void {
    // A service that already runs has no steps to report.
    if (!this.#touched.has(service) || this.#lastPhase.get(service) === phase) return;
    this.#lastPhase.set(service, phase);
    this.#onEvent({
      service,
      phase,
      elapsedMs: Math.max(0, event.timeMs - this.#startedMs),
      ...(detail === undefined ? {} : { detail }),
    });
  }

  /**
   * Waits until each service is healthy, runs (if it has no check), or ended with 0.
   * @param status reads the present status of the awaited services; called whenever an event may have changed
   * it.
   */
  async untilReady(
    options: Pick<UpOptions, 'timeoutMs' | 'signal'>,
    status: () => Promise<ServiceStatus[]>,
  ): Promise<{ statuses: ServiceStatus[]; failed: Failure[] }> {
    const deadline = this.#startedMs + options.timeoutMs;
    for (;;) {
      options.signal?.throwIfAborted();
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const statuses = await status();
      const failed: Failure[] = [];
      let pending = 0;
      for (const service of statuses) {
        const failure = this.#judge(service);
        if (failure === 'pending') pending += 1;
        else if (failure) failed.push({ service: service.name, reason: failure });
      }
      if (pending === 0 || failed.length > 0) return { statuses, failed };
      const left = deadline - Date.now();
      if (left <= 0) {
        for (const service of statuses) {
          if (this.#judge(service) !== 'pending') continue;
          failed.push({
            service: service.name,
            reason: service.state === 'created' ? 'dependency' : 'timeout',
          });
        }
        return { statuses, failed };
      }
      await orTimeout(woken, Math.min(left, this.#steadyInMs()), options.signal);
    }
  }

  #judge(status: ServiceStatus): Failure['reason'] | 'pending' | undefined {
    const crashes = this.#crashes.get(status.name) ?? 0;
    if (status.state === 'running' && status.health === 'none') {
      if (crashes > CRASHES_TOLERATED) return 'restarting';
      if (this.#touched.has(status.name)) {
        const since = this.#runningSinceMs.get(status.name) ?? Date.now();
        this.#runningSinceMs.set(status.name, since);
        if (Date.now() - since < STEADY_MS) return 'pending';
      }
      this.#ready(status.name, 'running', Date.parse(status.startedAt ?? '') || Date.now());
      return undefined;
    }
    if (status.state === 'running' && status.health === 'healthy') {
      // The service was healthy before we began to watch, or its event has not arrived yet.
      this.#ready(status.name, 'healthy', Date.now());
      return undefined;
    }
    if (status.state === 'running' && status.health === 'unhealthy') return 'unhealthy';
    if (status.state === 'exited' && status.exitCode === 0) {
      this.#ready(status.name, 'completed', Date.now());
      return undefined;
    }
    if (crashes > CRASHES_TOLERATED) return 'restarting';
    if (status.state === 'exited' || status.state === 'dead') return 'exited';
    return 'pending';
  }

  /** Milliseconds until the next service without a health check may count as steady. */
  #steadyInMs(): number {
    const left = [...this.#runningSinceMs.values()].map((since) => since + STEADY_MS - Date.now());
    return Math.min(...left.filter((milliseconds) => milliseconds > 0), Number.MAX_SAFE_INTEGER);
  }

  /** Returns the seconds from the beginning until each started service was ready. */
  seconds(): Record<string, number> {
    const started = [...this.#readyMs].filter(([service]) => this.#touched.has(service));
    return Object.fromEntries(
      started.map(([service, timeMs]) => [service, Math.max(0, Math.round(timeMs - this.#startedMs)) / 1000]),
    );
  }
}

async function orTimeout(
  woken: Promise<void>,
  milliseconds: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const over = new AbortController();
  const stop = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
  // It rejects on abort; the caller checks the signal itself.
  await Promise.race([woken, sleep(milliseconds, undefined, { signal: stop }).catch(() => {})]);
  over.abort();
}
