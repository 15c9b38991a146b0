import { expect, it } from 'vitest';
import type { ServiceStatus } from '../../../src/engine/service-status.js';
import { forwardCommand, serviceUrl } from '../../../src/engine/service-url.js';

const machine = { name: 'shop.example', ssh: 'ssh -p 22 me@shop' };
const service = (host: string, more: Partial<ServiceStatus> = {}): ServiceStatus => ({
  name: 'web',
  state: 'running',
  health: 'none',
  restarts: 0,
  ports: [{ host, published: 8080, target: 80, protocol: 'tcp' }],
  ...more,
});

it.each([
  ['127.0.0.1', undefined, 'http://127.0.0.1:8080', undefined],
  ['0.0.0.0', undefined, 'http://127.0.0.1:8080', undefined],
  ['0.0.0.0', machine, 'http://shop.example:8080', undefined],
  ['192.0.2.7', machine, 'http://192.0.2.7:8080', undefined],
  ['127.0.0.1', machine, undefined, 'ssh -N -L 8080:127.0.0.1:8080 -p 22 me@shop'],
  ['::1', machine, undefined, 'ssh -N -L 8080:[::1]:8080 -p 22 me@shop'],
])('published at %s of %j', (host, of, url, command) => {
  const status = service(host, of ? { machine: of } : {});
  expect(serviceUrl(status)).toBe(url);
  expect(forwardCommand(status)).toBe(command);
});

it('nowhere, while it does not run', () => {
  expect(serviceUrl(service('0.0.0.0', { machine, state: 'exited' }))).toBeUndefined();
  expect(forwardCommand(service('127.0.0.1', { machine, state: 'exited' }))).toBeUndefined();
});

it('is what the label says, of a proxy for a name', () => {
  const url = 'https://shop.example.com';
  expect(serviceUrl(service('0.0.0.0', { url }))).toBe(url);
  expect(serviceUrl(service('127.0.0.1', { url, machine }))).toBe(url);
  expect(serviceUrl(service('0.0.0.0', { url, state: 'exited' }))).toBeUndefined();
});
