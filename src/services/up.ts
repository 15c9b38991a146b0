import type {
  Engine,
  EngineInfo,
  LogEntry,
  ServiceEvent,
  ServiceStatus,
  UpOutcome,
} from '../engine/engine.js';
import { rememberEngine } from '../engine/select.js';
import { withProjectLock } from '../system/lock.js';
import { assertServices } from './choose-services.js';
import type { ServiceContext } from './context.js';
import { explainFailure } from './explain-failure.js';
import { preflight } from './preflight.js';

export interface UpInput {
  services: readonly string[];
  build: boolean;
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
  /** The cause that the evidence names, and what to type. */
  cause?: { message: string; next: string };
}

export interface UpResult {
  project: string;
  engine: EngineInfo;
  services: ServiceStatus[];
  seconds: Record<string, number>;
  unchanged: string[];
  failed: FailedService[];
}

const LAST_LINES = 12;

/**
 * Brings the project, or some services and what they depend on, to healthy.
 *
 * @throws UserError of the preflight, PROJECT_LOCKED (exit 9), and what the engine throws. A service that does not
 * become healthy is no exception but a row of `failed`.
 */
export async function up(context: ServiceContext, input: UpInput): Promise<UpResult> {
  const location = context.project();
  const engine = await context.engine();
  return withProjectLock(location.directory, { command: 'invctl up', signal: context.signal }, async () => {
    const [info, project] = await Promise.all([engine.info(location), engine.resolve(location)]);
    for (const notice of info.notices) context.warn(notice);
    input.onEngine?.(info);
    assertServices(project, input.services);
    await preflight(engine, location, project, input.services);
    await rememberEngine(location, engine.kind);
    const outcome = await engine.up(
      location,
      {
        services: input.services,
        build: input.build,
        wait: input.wait,
        timeoutMs: input.timeoutMs,
        signal: context.signal,
      },
      input.onEvent,
    );
    const failed: FailedService[] = [];
    for (const { service, reason } of outcome.failed) {
      const status = outcome.services.find(({ name }) => name === service);
      if (status) failed.push(await gatherEvidence(context, engine, status, reason));
    }
    return {
      project: location.name,
      engine: info,
      services: outcome.services,
      seconds: outcome.seconds,
      unchanged: outcome.unchanged,
      failed,
    };
  });
}

async function gatherEvidence(
  context: ServiceContext,
  engine: Engine,
  status: ServiceStatus,
  reason: FailedService['reason'],
): Promise<FailedService> {
  const entries: LogEntry[] = [];
  for await (const entry of engine.logs(context.project(), { services: [status.name], tail: LAST_LINES })) {
    entries.push(entry);
  }
  const lastLines = entries.map(({ line }) => line).slice(-LAST_LINES);
  const cause = explainFailure(status, reason, lastLines);
  return {
    status,
    reason,
    lastLines,
    ...(status.healthOutput ? { healthOutput: status.healthOutput } : {}),
    ...(cause ? { cause } : {}),
  };
}
