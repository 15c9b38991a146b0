import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../errors.js';
import { type ComposeService, startOrder } from '../../project/model.js';
import { findFreePort, isPortFree } from '../../system/ports.js';
import type { BuildChoice, OutdatedImage, ServiceEvent, ServicePhase, UpOutcome } from '../engine.js';
import { buildPackage, lastBuild } from './build.js';
import { classify, type EmbeddedService, type NodeService, type ReceiverService } from './classify.js';
import { prepareDatabase } from './database.js';
import { httpProbe } from './health.js';
import { configHash, endService, endStrays, isRunning, type LaunchPlan, startLaunch } from './launch.js';
import { startCommand } from './node-service.js';
import { receiverPlan } from './receiver.js';
import type { EngineRun } from './run.js';
import { type ContainerSecret, readGrantedSecrets, writeSecrets } from './secrets.js';
import { serviceEnvironment } from './service-environment.js';
import { forgetLaunch, serviceProcesses, stopSequence } from './service-processes.js';
import type { ServiceRecord } from './state.js';
import { probe, serviceStatus } from './status.js';

const FIRST_POLL_MS = 20;
const POLL_MS = 100;
const LOOPBACK = '127.0.0.1';

export interface BringUpOptions {
  /** Services to start, dependencies included. */
  wanted: ReadonlySet<string>;
  build?: BuildChoice;
  wait: boolean;
  timeoutMs: number;
  onEvent(event: ServiceEvent): void;
}

type FailureReason = UpOutcome['failed'][number]['reason'];
type Readiness = 'ready' | 'completed' | FailureReason;

/** The two events that others may wait for. */
interface ServiceProgress {
  /** Resolves when its process runs, or with the reason why it was not started. */
  started: Promise<'started' | 'dependency'>;
  /** Called only if something waits for it. */
  ready(): Promise<Readiness>;
}

/**
 * Starts services as soon as their dependencies allow, in parallel: one installs its packages while another
 * initialises its data. A service that already runs as the project says is left alone. An error or an abort
 * reverts what this call started. A failing service does not raise an error; it is a row of `failed`.
 */
export async function bringUp(run: EngineRun, options: BringUpOptions): Promise<UpOutcome> {
  return new BringUp(run, options).run();
}

class BringUp {
  readonly #run: EngineRun;
  readonly #options: BringUpOptions;
  readonly #began = Date.now();
  readonly #progress = new Map<string, ServiceProgress>();
  readonly #started: string[] = [];
  readonly #unchanged: string[] = [];
  readonly #outdated: OutdatedImage[] = [];
  readonly #seconds: Record<string, number> = {};
  /** Aborted by the caller's signal and by the first error. */
  readonly #stop = new AbortController();
  readonly #builds = new Map<string, Promise<string>>();
  #building = 0;
  #waitingSince = Date.now();

  constructor(run: EngineRun, options: BringUpOptions) {
    this.#run = { ...run, signal: AbortSignal.any([run.signal, this.#stop.signal]) };
    this.#options = options;
  }

  async run(): Promise<UpOutcome> {
    const { project, store, signal } = this.#run;
    signal.throwIfAborted();
    const services = startOrder(project)
      .filter(({ name }) => this.#options.wanted.has(name))
      .map((service) => classify(service));
    const names = services.map(({ service }) => service.name);
    try {
      await Promise.all(
        services.map(({ kind, service }) =>
          endStrays(serviceProcesses(store, service.name), stopSequence(kind)),
        ),
      );
      const databases = await this.#prepareDatabases(services);
      for (const embedded of services) {
        this.#progress.set(embedded.service.name, this.#bring(embedded, databases));
      }
      const outcomes = await this.#settle(
        names.map(async (name): Promise<Readiness> => {
          const progress = this.#progress.get(name) as ServiceProgress;
          const started = await progress.started;
          if (started !== 'started') return started;
          return this.#options.wait ? progress.ready() : 'ready';
        }),
      );
      await store.save();
      const failed = names.flatMap((service, index) => {
        const reason = outcomes[index] as Readiness;
        return reason === 'ready' || reason === 'completed' ? [] : [{ service, reason }];
      });
      const statuses = await Promise.all(
        [...names].sort().map((name) => serviceStatus(name, store.state.services[name] as ServiceRecord)),
      );
      return {
        services: statuses,
        seconds: this.#seconds,
        failed,
        unchanged: this.#unchanged,
        outdated: this.#outdated,
      };
    } catch (error) {
      await this.#undo(services);
      throw error;
    }
  }

  /** Waits for all, so that nothing continues in the background; the first error ends the others. */
  async #settle<T>(promises: readonly Promise<T>[]): Promise<T[]> {
    let first: { error: unknown } | undefined;
    const settled = await Promise.allSettled(
      promises.map((promise) =>
        promise.catch((error: unknown) => {
          first ??= { error };
          this.#stop.abort();
          throw error;
        }),
      ),
    );
    if (first) throw first.error;
    return settled.map((result) => (result as PromiseFulfilledResult<T>).value);
  }

  async #prepareDatabases(services: readonly EmbeddedService[]) {
    const prepared = new Map<string, Awaited<ReturnType<typeof prepareDatabase>>>();
    for (const embedded of services) {
      if (embedded.kind !== 'postgres') continue;
      prepared.set(embedded.service.name, await prepareDatabase(this.#run, embedded));
    }
    return prepared;
  }

  #bring(
    embedded: EmbeddedService,
    databases: ReadonlyMap<string, Awaited<ReturnType<typeof prepareDatabase>>>,
  ): ServiceProgress {
    const { service } = embedded;
    const database = databases.get(service.name);
    const started = this.#start(embedded, () =>
      database
        ? Promise.resolve({ plan: database.plan, beforeStart: database.prepare })
        : embedded.kind === 'receiver'
          ? this.#planReceiver(embedded)
          : this.#planNode(embedded as NodeService),
    );
    // Whoever awaits it gets the error; if nobody does, it would be an unhandled rejection.
    started.catch(() => {});
    let readiness: Promise<Readiness> | undefined;
    return {
      started,
      ready: () => {
        readiness ??= started.then((result) => (result === 'started' ? this.#untilReady(service) : result));
        return readiness;
      },
    };
  }

  async #start(
    embedded: EmbeddedService,
    makePlan: () => Promise<{ plan: LaunchPlan; beforeStart: () => Promise<void> }>,
  ): Promise<'started' | 'dependency'> {
    const { store, processes, signal } = this.#run;
    const { name } = embedded.service;
    const record = store.service(name, embedded.kind);
    const { plan, beforeStart } = await makePlan();
    if (!(await this.#dependenciesAllow(embedded.service))) {
      this.#emit(name, 'failed', 'what it depends on did not become ready');
      return 'dependency';
    }
    signal.throwIfAborted();
    if (isRunning(record) && record.launch?.configHash === configHash(plan)) {
      this.#unchanged.push(name);
      return 'started';
    }
    this.#emit(name, 'starting');
    await endService(serviceProcesses(store, name), stopSequence(embedded.kind));
    await beforeStart();
    signal.throwIfAborted();
    this.#started.push(name);
    await startLaunch(store, name, plan, processes);
    return 'started';
  }

  async #planReceiver(receiver: ReceiverService) {
    return { plan: await receiverPlan(this.#run, receiver), beforeStart: () => Promise.resolve() };
  }

  async #planNode(node: NodeService): Promise<{ plan: LaunchPlan; beforeStart: () => Promise<void> }> {
    const { project, store, lookup } = this.#run;
    const { service, folder } = node;
    const record = store.state.services[service.name] as ServiceRecord;
    const secrets = await readGrantedSecrets(project, service, lookup);
    const built = this.#run.trial ? '' : await this.#build(node);
    const port = await this.#choosePort(service, record);
    const secretsFolder = join(store.folders.secrets, service.name);
    const check = httpProbe(service, port);
    if (check) record.probe = check;
    else delete record.probe;
    const { program, args } = await startCommand(node);
    const plan: LaunchPlan = {
      program,
      args,
      cwd: folder,
      env: serviceEnvironment(this.#run, service),
      ids: {},
      fingerprint: [process.version, built, secretsDigest(secrets)],
    };
    const beforeStart = async () => {
      if (port !== undefined && !(await isPortFree(LOOPBACK, port))) throw portTakenError(service.name, port);
      await writeSecrets(secretsFolder, secrets);
    };
    return { plan, beforeStart };
  }

  /** Builds a package. Services may share it, so only one of them builds it at a time. */
  async #build(node: NodeService): Promise<string> {
    const before = this.#builds.get(node.folder) ?? Promise.resolve('');
    const build = before.then(() => this.#buildAsAsked(node));
    this.#builds.set(node.folder, build);
    this.#building += 1;
    try {
      return await build;
    } finally {
      this.#building -= 1;
      this.#waitingSince = Date.now();
    }
  }

  async #buildAsAsked(node: NodeService): Promise<string> {
    const { name } = node.service;
    const onOutdated = (outdated: OutdatedImage) => this.#outdated.push(outdated);
    if (this.#options.build === 'none') {
      const { digest, outdated } = await lastBuild(this.#run, node);
      if (outdated) onOutdated(outdated);
      return digest;
    }
    return buildPackage(this.#run, node, {
      onStart: (step) => this.#emit(name, 'building', step),
      onOutdated,
    });
  }

  async #choosePort(service: ComposeService, record: ServiceRecord): Promise<number | undefined> {
    const published = service.ports.find(({ protocol }) => protocol === 'tcp');
    if (!published) {
      delete record.port;
      delete record.targetPort;
      return undefined;
    }
    const kept =
      record.port !== undefined && (isRunning(record) || (await isPortFree(LOOPBACK, record.port)))
        ? record.port
        : undefined;
    record.port = published.published ?? kept ?? (await findFreePort(LOOPBACK));
    record.targetPort = published.target;
    return record.port;
  }

  async #dependenciesAllow(service: ComposeService): Promise<boolean> {
    const allowed = await Promise.all(
      Object.entries(service.dependsOn).map(async ([name, { condition, required }]) => {
        const dependency = this.#progress.get(name);
        if (!dependency) return true;
        if ((await dependency.started) !== 'started') return !required;
        if (condition === 'service_started') return true;
        const readiness = await dependency.ready();
        if (condition === 'service_completed_successfully') return readiness === 'completed' || !required;
        return readiness === 'ready' || readiness === 'completed' || !required;
      }),
    );
    return allowed.every(Boolean);
  }

  async #untilReady({ name }: ComposeService): Promise<Readiness> {
    const record = this.#run.store.state.services[name] as ServiceRecord;
    const done = (phase: ServicePhase, readiness: Readiness, detail?: string) => {
      // A service that already runs has no steps to report.
      if (phase === 'failed' || !this.#unchanged.includes(name)) {
        this.#seconds[name] = (Date.now() - this.#began) / 1000;
        this.#emit(name, phase, detail);
      }
      return readiness;
    };
    const mustComplete = this.#mustComplete(name);
    for (let wait = FIRST_POLL_MS; ; wait = Math.min(wait * 2, POLL_MS)) {
      this.#run.signal.throwIfAborted();
      if (!isRunning(record)) {
        // The notice may come one turn of the event loop after the end itself.
        await sleep(FIRST_POLL_MS);
        const status = record.launch?.exitCode;
        return status === 0
          ? done('completed', 'completed')
          : done('failed', 'exited', status === undefined ? 'exited' : `exited with status ${status}`);
      }
      const { health, output } = mustComplete
        ? { health: 'failing', output: undefined }
        : await probe(record);
      if (health !== 'failing' && isRunning(record))
        return done(health === 'none' ? 'running' : 'healthy', 'ready');
      if (this.#building === 0 && Date.now() - this.#waitingSince > this.#options.timeoutMs) {
        return done('failed', 'timeout', output);
      }
      await sleep(wait, undefined, { signal: this.#run.signal });
    }
  }

  /** Whether another service waits for the end of this one, so that running is not enough. */
  #mustComplete(name: string): boolean {
    return Object.values(this.#run.project.services).some(
      ({ dependsOn }) => dependsOn[name]?.condition === 'service_completed_successfully',
    );
  }

  async #undo(services: readonly EmbeddedService[]): Promise<void> {
    const { store } = this.#run;
    for (const { kind, service } of [...services].reverse()) {
      const own = serviceProcesses(store, service.name);
      if (this.#started.includes(service.name)) await endService(own, stopSequence(kind));
      // Programs of a build or an initialisation.
      else await endStrays(own, stopSequence(kind));
      if (!isRunning(own.record)) await forgetLaunch(store, service.name);
    }
    await store.save();
  }

  #emit(service: string, phase: ServicePhase, detail?: string): void {
    this.#options.onEvent({
      service,
      phase,
      elapsedMs: Date.now() - this.#began,
      ...(detail === undefined ? {} : { detail }),
    });
  }
}

function secretsDigest(secrets: readonly ContainerSecret[]): string {
  const hash = createHash('sha256');
  for (const { target, value } of secrets) hash.update(`${target}\0${value.reveal()}\0`);
  return hash.digest('hex');
}

function portTakenError(service: string, port: number): UserError {
  return new UserError({
    code: 'PORT_IN_USE',
    message: `port ${port} of "${service}" is held by another process`,
    hint: `sudo ss -ltnp 'sport = :${port}'      (or publish another port in the compose file)`,
    details: { port },
  });
}
