import { LABEL_SERVICE, LABEL_URL } from '../labels.js';
import type { PublishedPort, ServiceHealth, ServiceState, ServiceStatus } from '../service-status.js';
import type { ContainerInspect } from '../survey.js';

/** Returns one status per service. If it has several containers (`scale`), the worst status counts. */
export function serviceStatuses(containers: readonly ContainerInspect[]): ServiceStatus[] {
  const byService = new Map<string, ServiceStatus>();
  for (const container of containers) {
    const status = containerStatus(container);
    const other = byService.get(status.name);
    if (!other || badness(status) > badness(other)) {
      byService.set(status.name, { ...status, ports: mergePorts(status.ports, other?.ports ?? []) });
    } else {
      byService.set(status.name, { ...other, ports: mergePorts(other.ports, status.ports) });
    }
  }
  // Sorted by code unit, as Compose does. The first `localeCompare` of a process loads ICU's collation, which
  // takes 5 ms of a short command.
  return [...byService.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function containerStatus(container: ContainerInspect): ServiceStatus {
  const { State: state } = container;
  // The engine still reports the result of the last check for a container that has ended.
  const health = state.Status === 'running' || state.Status === 'paused' ? state.Health?.Status : undefined;
  const lastCheck = state.Health?.Log?.at(-1);
  const url = container.Config.Labels?.[LABEL_URL];
  const exited = state.Status === 'exited' || state.Status === 'dead';
  return {
    name: container.Config.Labels?.[LABEL_SERVICE] ?? container.Name.replace(/^\//, ''),
    instance: container.Name.replace(/^\//, ''),
    state: state.Status as ServiceState,
    health:
      health === 'starting' || health === 'healthy' || health === 'unhealthy'
        ? (health as ServiceHealth)
        : 'none',
    ...(exited ? { exitCode: state.ExitCode } : {}),
    ...(state.OOMKilled ? { oomKilled: true } : {}),
    // A container that never ran has the year 1.
    ...(state.StartedAt.startsWith('0001') ? {} : { startedAt: state.StartedAt }),
    restarts: container.RestartCount,
    ports: publishedPorts(container),
    ...(url === undefined ? {} : { url }),
    ...(lastCheck?.Output.trim() ? { healthOutput: lastCheck.Output.trim() } : {}),
  };
}

function publishedPorts(container: ContainerInspect): PublishedPort[] {
  const ports: PublishedPort[] = [];
  for (const [key, bindings] of Object.entries(container.NetworkSettings.Ports ?? {})) {
    const [target, protocol = 'tcp'] = key.split('/');
    for (const binding of bindings ?? []) {
      ports.push({
        host: binding.HostIp || '0.0.0.0',
        published: Number(binding.HostPort),
        target: Number(target),
        protocol,
      });
    }
  }
  return mergePorts(ports, []);
}

/** Returns one entry per port: an engine that binds IPv4 and IPv6 reports the same mapping twice. */
function mergePorts(some: readonly PublishedPort[], others: readonly PublishedPort[]): PublishedPort[] {
  const merged: PublishedPort[] = [];
  for (const port of [...some, ...others]) {
    const same = merged.some(
      (other) =>
        other.published === port.published &&
        other.target === port.target &&
        other.protocol === port.protocol,
    );
    if (!same) merged.push(port);
  }
  return merged.sort((a, b) => a.target - b.target || a.published - b.published);
}

function badness(status: ServiceStatus): number {
  if (status.state !== 'running') return 3;
  return { unhealthy: 2, starting: 1, healthy: 0, none: 0 }[status.health];
}

export interface ContainerEvent {
  service: string;
  containerId: string;
  action: 'create' | 'start' | 'die' | 'healthy' | 'unhealthy' | 'oom' | 'destroy';
  exitCode?: number;
  /** Unix time in milliseconds, by the engine's clock. */
  timeMs: number;
}

/** Parses one line of `docker events --format '{{json .}}'`; undefined if the event does not matter here. */
export function parseEvent(line: string): ContainerEvent | undefined {
  const event = JSON.parse(line) as {
    Action?: string;
    timeNano?: number;
    Actor?: { ID?: string; Attributes?: Record<string, string> };
  };
  const attributes = event.Actor?.Attributes ?? {};
  const service = attributes[LABEL_SERVICE];
  if (!service || attributes['com.docker.compose.oneoff'] === 'True') return undefined;
  const action =
    { 'health_status: healthy': 'healthy', 'health_status: unhealthy': 'unhealthy' }[event.Action ?? ''] ??
    event.Action;
  if (!['create', 'start', 'die', 'healthy', 'unhealthy', 'oom', 'destroy'].includes(action ?? ''))
    return undefined;
  return {
    service,
    containerId: event.Actor?.ID ?? '',
    action: action as ContainerEvent['action'],
    ...(attributes.exitCode === undefined ? {} : { exitCode: Number(attributes.exitCode) }),
    timeMs: (event.timeNano ?? 0) / 1e6,
  };
}

/**
 * Parses one line of `docker compose logs --timestamps --no-color`, which clears the terminal's line first
 * even on a pipe.
 */
export function parseLogLine(line: string): { container: string; time?: string; text: string } | undefined {
  const match = /^(?:\u001b\[2K)?(\S+)\s+\| (?:(\d{4}-\d\d-\d\dT[\d:.]+Z) ?)?(.*)$/s.exec(line);
  if (!match) return undefined;
  const [, container = '', time, text = ''] = match;
  return { container, text, ...(time ? { time } : {}) };
}
