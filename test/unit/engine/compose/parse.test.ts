import { describe, expect, it } from 'vitest';
import { parseEvent, parseLogLine, serviceStatuses } from '../../../../src/engine/compose/parse.js';
import type { ContainerInspect } from '../../../../src/engine/survey.js';

function container(
  service: string,
  fields: Partial<ContainerInspect['State']> & { name?: string } = {},
): ContainerInspect {
  const { name = `/shop-${service}-1`, ...state } = fields;
  return {
    Id: `id-${name}`,
    Name: name,
    RestartCount: 0,
    State: {
      Status: 'running',
      ExitCode: 0,
      OOMKilled: false,
      StartedAt: '2026-01-01T00:00:00Z',
      FinishedAt: '0001-01-01T00:00:00Z',
      ...state,
    },
    Config: { Labels: { 'com.docker.compose.service': service }, Image: 'image' },
    HostConfig: {},
    NetworkSettings: { Ports: { '5003/tcp': [{ HostIp: '127.0.0.1', HostPort: '5003' }], '5432/tcp': null } },
    Mounts: [],
  };
}

describe('container inspect', () => {
  it('becomes a status with state, health and published ports', () => {
    const [status] = serviceStatuses([container('api', { Health: { Status: 'healthy', Log: [] } })]);
    expect(status).toEqual({
      name: 'api',
      instance: 'shop-api-1',
      state: 'running',
      health: 'healthy',
      startedAt: '2026-01-01T00:00:00Z',
      restarts: 0,
      ports: [{ host: '127.0.0.1', published: 5003, target: 5003, protocol: 'tcp' }],
    });
  });

  it('lets the worst of several replicas speak for the service', () => {
    const replicas = [
      container('api', { Health: { Status: 'healthy' } }),
      container('api', { name: '/shop-api-2', Health: { Status: 'unhealthy' } }),
    ];
    expect(serviceStatuses(replicas).map(({ health }) => health)).toEqual(['unhealthy']);
    expect(serviceStatuses([...replicas].reverse()).map(({ health }) => health)).toEqual(['unhealthy']);
  });

  it('tells an exit code only of what has ended, and no start time of what never ran', () => {
    const [exited] = serviceStatuses([container('job', { Status: 'exited', ExitCode: 3, OOMKilled: true })]);
    expect(exited).toMatchObject({ exitCode: 3, oomKilled: true });
    const [created] = serviceStatuses([
      container('job', { Status: 'created', StartedAt: '0001-01-01T00:00:00Z' }),
    ]);
    expect(created).not.toHaveProperty('exitCode');
    expect(created).not.toHaveProperty('startedAt');
  });
});

describe('engine events', () => {
  const event = (Action: string, attributes: Record<string, string> = {}) =>
    JSON.stringify({
      Action,
      timeNano: 1_795_394_060_374_017_500,
      Actor: { ID: 'abc', Attributes: { 'com.docker.compose.service': 'db', ...attributes } },
    });

  it('keeps what moves a service on its way', () => {
    expect(parseEvent(event('health_status: healthy'))).toMatchObject({ service: 'db', action: 'healthy' });
    expect(parseEvent(event('die', { exitCode: '137' }))).toMatchObject({ action: 'die', exitCode: 137 });
    expect(parseEvent(event('start'))?.timeMs).toBeCloseTo(1_795_394_060_374.0176, 1);
  });

  it('leaves out health check runs and one-off containers', () => {
    expect(parseEvent(event('exec_create: /bin/sh -c pg_isready'))).toBeUndefined();
    expect(parseEvent(event('start', { 'com.docker.compose.oneoff': 'True' }))).toBeUndefined();
  });
});

describe('compose log lines', () => {
  it('are taken apart', () => {
    expect(parseLogLine('\u001b[2Kapi-1  | 2026-11-23T00:34:19.059Z {"level":30}')).toEqual({
      container: 'api-1',
      time: '2026-11-23T00:34:19.059Z',
      text: '{"level":30}',
    });
  });

  it('keep a bar and an empty line in the text', () => {
    expect(parseLogLine('db-1  | 2026-11-23T00:34:19.059Z a | b')?.text).toBe('a | b');
    expect(parseLogLine('db-1  | 2026-11-23T00:34:19.059Z ')?.text).toBe('');
  });
});
