import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { ServiceStatus } from '../../../src/engine/service-status.js';
import { firingAlerts } from '../../../src/services/firing-alerts.js';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function alertmanager(answer: (url: string, response: ServerResponse) => void) {
  server = createServer((request, response) => answer(request.url ?? '', response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return [
    {
      name: 'alertmanager',
      state: 'running',
      ports: [{ host: '127.0.0.1', published: port, target: 9093, protocol: 'tcp' }],
    } as unknown as ServiceStatus,
  ];
}

const signal = () => new AbortController().signal;
const alert = (name: string, severity: string, startsAt: string) => ({
  labels: { alertname: name, severity },
  annotations: { summary: `${name}!`, description: 'See why: invctl doctor' },
  startsAt,
  endsAt: '2026-01-02T00:00:00.000Z',
  fingerprint: 'ab',
  status: { state: 'active', inhibitedBy: [], silencedBy: [] },
});

describe('the alerts that status shows', () => {
  it('are those that nobody silenced, the worst and oldest first', async () => {
    let asked = '';
    const services = await alertmanager((url, response) => {
      asked = url;
      response.end(
        JSON.stringify([
          alert('ApiSlow', 'warning', '2026-01-01T00:00:00.000+02:00'),
          alert('ApiDown', 'critical', '2026-01-01T09:00:00.000Z'),
          alert('DatabaseDown', 'critical', '2026-01-01T08:00:00.000Z'),
          { labels: { alertname: 'Mine' }, annotations: {}, startsAt: '2026-01-01T07:00:00Z' },
        ]),
      );
    });
    const found = await firingAlerts(services, signal());
    expect(found?.map(({ name }) => name)).toEqual(['DatabaseDown', 'ApiDown', 'ApiSlow', 'Mine']);
    expect(found?.[2]).toEqual({
      name: 'ApiSlow',
      severity: 'warning',
      summary: 'ApiSlow!',
      description: 'See why: invctl doctor',
      since: '2025-12-31T22:00:00.000Z',
    });
    expect(asked).toContain('/api/v2/alerts?active=true&silenced=false&inhibited=false');
  });

  it('are not waited for: nothing answers, another program does, or it never ends', async () => {
    const services = await alertmanager((_, response) => response.end('[]'));
    expect(await firingAlerts(services, signal())).toEqual([]);
    expect(await firingAlerts([], signal())).toBeUndefined();
    server?.close();
    server?.closeAllConnections();
    expect(await firingAlerts(services, signal())).toBeUndefined();
    const other = await alertmanager((_, response) => response.end('<html>Grafana</html>'));
    expect(await firingAlerts(other, signal())).toBeUndefined();
    const slow = await alertmanager((_, response) => {
      response.write('[');
    });
    const started = Date.now();
    expect(await firingAlerts(slow, signal())).toBeUndefined();
    expect(Date.now() - started).toBeLessThan(10_000);
  });

  it('end with the command that asks', async () => {
    const services = await alertmanager(() => {});
    const stop = new AbortController();
    const asking = firingAlerts(services, stop.signal);
    stop.abort();
    await expect(asking).rejects.toThrow();
  });
});
