import { dockerfileHealthcheck } from '../../doctor/dockerfile-health.js';
import type { ComposeHealthcheck, ComposeService } from '../../project/model.js';
import { filled, type Json } from './objects.js';

/** Docker's own, for what a health check does not say. Milliseconds. */
const DEFAULTS = {
  intervalMs: 30_000,
  timeoutMs: 30_000,
  startPeriodMs: 0,
  startIntervalMs: 5_000,
  retries: 3,
};
/** A container that waits for others gets at least as long before it is started anew. */
const STARTUP_MS = 120_000;
/** Docker leaves an unhealthy container running: one is started anew only when it has failed for several times as long. */
const LIVENESS_FACTOR = 3;

/** The health check that holds for a service: its own, with the Dockerfile's for what it does not say. */
function healthcheckOf(service: ComposeService): ComposeHealthcheck | undefined {
  if (service.healthcheck?.disabled) return undefined;
  const inherited = dockerfileHealthcheck(service)?.healthcheck;
  const own = Object.fromEntries(
    Object.entries(service.healthcheck ?? {}).filter(([, value]) => value !== undefined),
  );
  const check = { disabled: false, ...inherited, ...own };
  return check.test ? check : undefined;
}

/**
 * Startup, readiness and liveness. A service without a health check that listens on a port is asked whether the port
 * is open.
 *
 * @param port that the service listens on
 */
export function probesOf(service: ComposeService, port: number | undefined): Json {
  const check = healthcheckOf(service);
  const open = port === undefined ? undefined : { tcpSocket: { port } };
  if (!check) {
    if (!open || service.healthcheck?.disabled) return {};
    return {
      startupProbe: { ...open, periodSeconds: 2, failureThreshold: STARTUP_MS / 2000 },
      readinessProbe: { ...open, periodSeconds: 10 },
    };
  }
  const times = { ...DEFAULTS, ...check };
  const interval = seconds(times.intervalMs);
  const retries = Math.max(1, times.retries);
  const action = { exec: { command: commandOf(check.test ?? []) } };
  const common = { ...action, timeoutSeconds: seconds(times.timeoutMs) };
  const startPeriod = seconds(times.startPeriodMs > 0 ? times.startIntervalMs : times.intervalMs);
  const startMs = Math.max(STARTUP_MS, times.startPeriodMs + times.intervalMs * retries);
  return filled({
    startupProbe: {
      ...common,
      periodSeconds: startPeriod,
      failureThreshold: Math.ceil(startMs / 1000 / startPeriod),
    },
    readinessProbe: { ...common, periodSeconds: interval, failureThreshold: retries },
    livenessProbe: {
      ...(open ?? action),
      timeoutSeconds: seconds(times.timeoutMs),
      periodSeconds: interval,
      failureThreshold: retries * LIVENESS_FACTOR,
    },
  });
}

function seconds(milliseconds: number): number {
  return Math.max(1, Math.round(milliseconds / 1000));
}

function commandOf([form, ...words]: readonly string[]): string[] {
  return (form === 'CMD-SHELL' ? ['/bin/sh', '-c', words.join(' ')] : words).map(literal);
}

/** Kubernetes replaces `$(NAME)` in commands; `$$(NAME)` stands for the text itself. */
export function literal(word: string): string {
  return word.replaceAll('$(', '$$$$(');
}
