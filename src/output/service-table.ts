import type { PublishedPort, ServiceStatus } from '../engine/service-status.js';
import { serviceUrl } from '../engine/service-url.js';
import type { ServiceRow } from './shapes.js';
import type { Style } from './style.js';
import { table } from './table.js';
import { formatDuration } from './units.js';

/** A row of `data.services` of `up`, `ps` and `status`. */
export function serviceRow(status: ServiceStatus, seconds?: number): ServiceRow {
  const url = serviceUrl(status);
  return {
    name: status.name,
    state: status.state,
    health: status.health,
    ports: status.ports.map(formatPort),
    ...(url ? { url } : {}),
    ...(seconds === undefined ? {} : { seconds }),
    ...(status.instance ? { instance: status.instance } : {}),
    ...(status.startedAt ? { startedAt: status.startedAt } : {}),
    restarts: status.restarts,
    ...(status.exitCode === undefined ? {} : { exitCode: status.exitCode }),
    ...(status.replicas ? { replicas: status.replicas } : {}),
    ...(status.logs === undefined ? {} : { logs: status.logs }),
  };
}

export function formatPort(port: PublishedPort): string {
  const host = port.host.includes(':') ? `[${port.host}]` : port.host;
  return `${host}:${port.published}->${port.target}/${port.protocol}`;
}

/** The table of `ps`; the most important columns come first. A URL of this machine fits a terminal of 80 columns. */
export function serviceTable(services: readonly ServiceStatus[], style: Style, now: Date): string {
  const rows = services.map((status) => [
    status.name,
    paintState(status, style),
    paintHealth(status, style),
    uptime(status, now),
    String(status.restarts),
    serviceUrl(status) ?? (status.ports.map(formatPort).join(', ') || '-'),
  ]);
  return table(['SERVICE', 'STATE', 'HEALTH', 'UP', 'RESTARTS', 'URL'], rows);
}

/** The table of `ps` for a project that an orchestrator runs. */
export function deployedTable(services: readonly ServiceStatus[], style: Style): string {
  const rows = services.map((status) => [
    status.name,
    paintState(status, style),
    paintReplicas(status, style),
    status.logs ?? '-',
  ]);
  return table(['SERVICE', 'STATE', 'READY', 'LOGS'], rows);
}

function paintReplicas({ replicas }: ServiceStatus, style: Style): string {
  if (!replicas) return '-';
  const { ready, wanted } = replicas;
  return (ready < wanted ? style.red : style.green)(`${ready}/${wanted}`);
}

function paintState(status: ServiceStatus, style: Style): string {
  const text = status.exitCode === undefined ? status.state : `${status.state} (${status.exitCode})`;
  if (status.state === 'running') return style.green(text);
  return status.state === 'exited' && status.exitCode === 0 ? style.dim(text) : style.red(text);
}

function paintHealth(status: ServiceStatus, style: Style): string {
  if (status.state !== 'running' || status.health === 'none') return '-';
  if (status.health === 'healthy') return style.green('healthy');
  return status.health === 'starting' ? style.yellow('starting') : style.red('unhealthy');
}

function uptime(status: ServiceStatus, now: Date): string {
  if (status.state !== 'running' || !status.startedAt) return '-';
  const up = Math.max(0, now.getTime() - Date.parse(status.startedAt));
  const precision = up < MINUTE ? 1 : up < 10 * 60 * MINUTE ? MINUTE : 60 * MINUTE;
  return formatDuration(Math.floor(up / precision) * precision);
}

/** In milliseconds. */
const MINUTE = 60_000;
