import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { firstPort, portInUse } from '../../../src/services/scaffold-port.js';
import { findFreePort } from '../../../src/system/ports.js';
import { temporaryFolder } from '../../support/folder.js';

async function listenOn(host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen({ host, port: 0 }, resolve));
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  return (server.address() as { port: number }).port;
}

it('takes the usual port where it is free', async () => {
  const usual = await findFreePort('127.0.0.1');
  expect(await firstPort(await temporaryFolder(), usual)).toEqual({ port: usual });
  expect(await portInUse(usual)).toBeUndefined();
});

it.each(['127.0.0.1', '0.0.0.0', '::'])(
  'takes the next free port where %s has it, and says so',
  async (host) => {
    const held = await listenOn(host);
    const { port, note } = await firstPort(await temporaryFolder(), held);
    expect(port).toBeGreaterThan(held);
    expect(await portInUse(port)).toBeUndefined();
    expect(note).toContain(`port ${held} is in use by the process ${process.pid}`);
    expect(note).toContain(`port ${port}`);
  },
);

it('keeps the port of a compose file that an init left, whoever holds it', async () => {
  const held = await listenOn('127.0.0.1');
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'compose.yaml'), `services:\n  api:\n    ports: ["127.0.0.1:${held}:5003"]\n`);
  expect(await firstPort(folder, held + 1)).toEqual({ port: held });
});

it('takes no port for held that somebody has for a moment', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  const { port } = server.address() as { port: number };
  setTimeout(() => server.close(), 20);
  expect(await portInUse(port)).toBeUndefined();
});

it("looks for no port in the folder of somebody's own project", async () => {
  const held = await listenOn('127.0.0.1');
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'docker-compose.yml'), 'services: {}\n');
  expect(await firstPort(folder, held)).toEqual({ port: held });
});
