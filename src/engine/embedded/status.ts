import type { ServiceHealth, ServiceStatus } from '../service-status.js';
import { type ProbeResult, probeHttp, probePostgres } from './health.js';
import { isRunning } from './launch.js';
import type { ServiceRecord } from './state.js';

/** For how long after its start a service with a failing check counts as starting, in milliseconds. */
const START_PERIOD_MS = 30_000;

/** Checks the health of a running service. */
export async function probe(record: ServiceRecord): Promise<ProbeResult> {
  if (record.server && record.port !== undefined) return probePostgres(record.server, record.port);
  return record.probe ? probeHttp(record.probe) : { health: 'none' };
}

/** Returns the status of a service for `ps`; `absent` if it has no launch. */
export async function serviceStatus(name: string, record: ServiceRecord): Promise<ServiceStatus> {
  const { launch } = record;
  if (!launch) return { name, state: 'absent', health: 'none', restarts: 0, ports: [] };
  if (!isRunning(record)) {
    return {
      name,
      instance: `pid ${launch.process.pid}`,
      state: 'exited',
      health: 'none',
      ...(launch.exitCode === undefined ? {} : { exitCode: launch.exitCode }),
      startedAt: launch.startedAt,
      restarts: 0,
      ports: [],
    };
  }
  const { health, output } = await probe(record);
  return {
    name,
    instance: `pid ${launch.process.pid}`,
    state: 'running',
    health: toHealth(health, launch.startedAt),
    startedAt: launch.startedAt,
    restarts: 0,
    ports:
      record.port === undefined
        ? []
        : [
            {
              host: '127.0.0.1',
              published: record.port,
              target: record.targetPort ?? record.port,
              protocol: 'tcp',
            },
          ],
    ...(output ? { healthOutput: output } : {}),
  };
}

function toHealth(result: ProbeResult['health'], startedAt: string): ServiceHealth {
  if (result === 'none') return 'none';
  if (result === 'passing') return 'healthy';
  return Date.now() - Date.parse(startedAt) < START_PERIOD_MS ? 'starting' : 'unhealthy';
}
