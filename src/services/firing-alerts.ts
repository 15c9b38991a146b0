import { z } from 'zod';
import type { ServiceStatus } from '../engine/service-status.js';
import { serviceUrl } from '../engine/service-url.js';

/** How long Alertmanager has to answer, in milliseconds. */
const PATIENCE_MS = 1000;
const ALERTMANAGER = 'alertmanager';

export interface FiringAlert {
  name: string;
  /** As the rule says it: `critical`, `warning`; empty where it says none. */
  severity: string;
  summary: string;
  /** What it means, and what to type. */
  description: string;
  /** ISO time. */
  since: string;
}

// Of Alertmanager's API, version 2 (api/v2/openapi.yaml, `gettableAlerts`).
const alertsSchema = z.array(
  z.object({
    labels: z.record(z.string(), z.string()),
    annotations: z.record(z.string(), z.string()),
    startsAt: z.iso.datetime({ offset: true }),
  }),
);

/**
 * What fires in the project's Alertmanager, the worst first; neither what is silenced nor what only follows from
 * another. Undefined where none runs, none answers in time, or what answers is something else.
 */
export async function firingAlerts(
  services: readonly ServiceStatus[],
  signal: AbortSignal,
): Promise<FiringAlert[] | undefined> {
  const status = services.find(({ name }) => name === ALERTMANAGER);
  const url = status && serviceUrl(status);
  if (url === undefined) return undefined;
  // To the end of the answer. A timer of our own keeps the process alive (see fetchWithin).
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), PATIENCE_MS);
  try {
    const response = await fetch(`${url}/api/v2/alerts?active=true&silenced=false&inhibited=false`, {
      signal: AbortSignal.any([signal, stop.signal]),
    });
    const alerts = alertsSchema.parse(await response.json());
    return alerts
      .map(({ labels, annotations, startsAt }) => ({
        name: labels.alertname ?? '',
        severity: labels.severity ?? '',
        summary: annotations.summary ?? '',
        description: annotations.description ?? '',
        since: new Date(startsAt).toISOString(),
      }))
      .sort((a, b) => rank(a) - rank(b) || a.since.localeCompare(b.since) || a.name.localeCompare(b.name));
  } catch {
    signal.throwIfAborted();
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

function rank({ severity }: FiringAlert): number {
  return severity === 'critical' ? 0 : 1;
}
