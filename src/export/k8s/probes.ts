import { dockerfileHealthcheck } from '../../doctor/dockerfile-health.js';
import type { ComposeHealthcheck, ComposeService } from '../../project/model.js';
import { filled, type Json } from './objects.js';

/** Docker's defaults of a health check. Milliseconds. */
const DEFAULTS = {
  intervalMs: 30_000,
  timeoutMs: 30_000,
  startPeriodMs: 0,
  startIntervalMs: 5_000,
  retries: 3,
};
/** In milliseconds. A container that waits for others gets at least this time before it is restarted. */
const STARTUP_MS = 120_000;
/**
 * Docker leaves an unhealthy container running. In the cluster it is restarted only after it has failed for
 * this many times as long.
 */
const LIVENESS_FACTOR = 3;

/** Returns the effective health check of a service: its own, with missing fields from the Dockerfile's. */
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
 * Writes the startup, readiness and liveness probes. For a service without a health check that listens on a
 * port, they check whether the port is open.
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

/** Escapes `$(NAME)`, which Kubernetes replaces in commands: `$$(NAME)` is the text itself. */
export function literal(word: string): string {
  return word.replaceAll('$(', '$$$$(');
}
