import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type FirstLogin, firstLogin } from '../doctor/admin-password.js';
import type {
  BuildChoice,
  Engine,
  EngineInfo,
  LogEntry,
  OutdatedImage,
  ServiceEvent,
  UpOutcome,
} from '../engine/engine.js';
import { rememberEngine } from '../engine/select.js';
import type { ServiceStatus } from '../engine/service-status.js';
import type { ProjectLocation } from '../project/locate.js';
import { settingsIn } from '../project/present-settings.js';
import { toldOfReplaced } from '../project/replaced-volumes.js';
import { withProjectLock } from '../system/lock.js';
import { assertServices } from './choose-services.js';
import type { ServiceContext } from './context.js';
import { noteProject } from './known-projects.js';
import { preflight } from './preflight.js';
import { renewReceivers } from './protection/renew-receiver.js';
import { provideSecrets } from './secrets/provide.js';
import { assertNoConflict } from './upgrade/conflict.js';
import type { Cause } from './verdict.js';

export interface UpInput {
  services: readonly string[];
  build: BuildChoice;
  /** See `UpOptions`. */
  onlyRebuilt?: boolean;
  /** See `UpOptions`. */
  checkLater?: boolean;
  wait: boolean;
  timeoutMs: number;
  onEngine?: (info: EngineInfo) => void;
  onEvent: (event: ServiceEvent) => void;
}

export interface FailedService {
  status: ServiceStatus;
  reason: UpOutcome['failed'][number]['reason'];
  /** What the health check printed last. */
  healthOutput?: string;
  lastLines: string[];
  /** The doctor's verdict, and the next command. */
  cause?: Cause;
}

export interface UpResult {
  project: string;
  engine: EngineInfo;
  services: ServiceStatus[];
  seconds: Record<string, number>;
  unchanged: string[];
  /**
   * Services whose source had changed since they were built: they are rebuilt, except with `build: 'none'`.
   */
  outdated: OutdatedImage[];
  /** See `UpOutcome`. */
  unchecked: string[];
  failed: FailedService[];
  /** The first login of a scaffold, whose API has a login page. */
  login?: FirstLogin;
}

const LAST_LINES = 12;

/**
 * Starts the project, or some services and their dependencies, and waits until they are healthy.
 *
 * @throws UserError UPGRADE_IN_CONFLICT (exit 4), of a secret's provider, of the preflight, PROJECT_LOCKED
 * (exit 9), and what the engine throws. A service that does not become healthy is not an exception but a row
 * of `failed`.
 */
export async function up(context: ServiceContext, input: UpInput): Promise<UpResult> {
  const location = context.project();
  const engine = await context.engine();
  return withProjectLock(location, { command: 'invctl up', signal: context.signal }, async () => {
    await assertNoConflict(location.directory);
    const [info, project] = await Promise.all([engine.info(location), engine.resolve(location)]);
    for (const notice of info.notices) context.warn(notice);
    input.onEngine?.(info);
    assertServices(project, input.services);
    const settings = await settingsIn(location);
    if (settings) await provideSecrets(context, settings.secrets, project, input.services);
    const checks = preflight(context, engine, location, project, input.services);
    if (input.onlyRebuilt) checks.catch(() => {});
    else await checks;
    await rememberEngine(location, engine.kind);
    // `list` shows the projects of this machine only.
    if (!location.host) await noteProject(location, engine.kind, context.env);
    const outcome = await engine.up(
      location,
      {
        services: input.services,
        build: input.build,
        ...(input.onlyRebuilt && { onlyRebuilt: true, checks }),
        ...(input.checkLater && { checkLater: true }),
        wait: input.wait,
        timeoutMs: input.timeoutMs,
        signal: context.signal,
      },
      input.onEvent,
    );
    if (outcome.otherFolder !== undefined) context.warn(sharedName(location, outcome.otherFolder));
    // For a volume's name alone, Compose may keep the container.
    const next = 'invctl down && invctl up';
    for (const volume of outcome.replaced ?? []) context.warn(toldOfReplaced(volume, next));
    const running = outcome.services.filter(({ state }) => state === 'running').map(({ name }) => name);
    const renewed = await renewReceivers(context, engine, location, project, running);
    const failed = outcome.failed.length > 0 ? await explainFailures(context, engine, outcome) : [];
    const scaffold = existsSync(join(location.directory, '.invctl', 'lock.json'));
    const login = scaffold ? firstLogin(project) : undefined;
    return {
      ...(login && { login }),
      project: location.name,
      engine: info,
      services: outcome.services,
      seconds: outcome.seconds,
      unchanged: outcome.unchanged.filter((name) => !renewed.includes(name)),
      outdated: outcome.outdated,
      unchecked: outcome.unchecked ?? [],
      failed,
    };
  });
}

function sharedName({ name, directory }: ProjectLocation, other: string): string {
  return `the containers of ${name} were started from ${other}, whose compose file is still there: ${directory} has the same containers and volumes now. For a project of its own, write another name: into its compose file`;
}

async function explainFailures(
  context: ServiceContext,
  engine: Engine,
  { failed, services }: UpOutcome,
): Promise<FailedService[]> {
  const { verdict } = await import('./verdict.js');
  const causes = await verdict(
    context,
    engine,
    failed.filter(({ reason }) => reason !== 'dependency').map(({ service }) => service),
  );
  return Promise.all(
    failed.flatMap(({ service, reason }) => {
      const status = services.find(({ name }) => name === service);
      return status ? [gatherEvidence(context, engine, status, reason, causes.get(service))] : [];
    }),
  );
}

async function gatherEvidence(
  context: ServiceContext,
  engine: Engine,
  status: ServiceStatus,
  reason: FailedService['reason'],
  cause: Cause | undefined,
): Promise<FailedService> {
  const entries: LogEntry[] = [];
  for await (const entry of engine.logs(context.project(), { services: [status.name], tail: LAST_LINES })) {
    entries.push(entry);
  }
  return {
    status,
    reason,
    lastLines: entries.map(({ line }) => line).slice(-LAST_LINES),
    ...(status.healthOutput ? { healthOutput: status.healthOutput } : {}),
    ...(cause ? { cause } : {}),
  };
}
