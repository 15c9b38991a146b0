import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { containersBySocket, engineSocket } from '../../../../src/engine/compose/engine-socket.js';
import { temporaryFolder } from '../../../support/folder.js';

describe('the socket of the engine', () => {
  it('is where the docker client would look', async () => {
    const folder = await temporaryFolder();
    const home = { HOME: folder };
    expect(engineSocket(home)).toBe('/var/run/docker.sock');
    expect(engineSocket({ ...home, DOCKER_HOST: 'unix:///run/user/1000/docker.sock' })).toBe(
      '/run/user/1000/docker.sock',
    );
    expect(engineSocket({ ...home, DOCKER_HOST: 'ssh://server' })).toBeUndefined();
    expect(engineSocket({ ...home, DOCKER_HOST: 'tcp://127.0.0.1:2375' })).toBeUndefined();
    expect(engineSocket({ ...home, DOCKER_CONTEXT: 'server' })).toBeUndefined();
    await mkdir(join(folder, '.docker'));
    await writeFile(join(folder, '.docker/config.json'), '{"currentContext":"server"}');
    expect(engineSocket(home)).toBeUndefined();
    expect(engineSocket({ ...home, DOCKER_CONTEXT: 'default' })).toBe('/var/run/docker.sock');
    expect(engineSocket({ ...home, DOCKER_CONFIG: folder })).toBe('/var/run/docker.sock');
  });
});

describe('containers by the socket', () => {
  async function engine(
    answers: Record<string, [number, unknown]>,
  ): Promise<{ path: string; asked: string[] }> {
    const path = join(await temporaryFolder(), 'engine.sock');
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(decodeURIComponent(request.url ?? ''));
      const [status, body] = answers[(request.url ?? '').split('?')[0] as string] ?? [500, {}];
      response.writeHead(status).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
    return { path, asked };
  }

  it('are those of the project, without one that goes away in between', async () => {
    const { path, asked } = await engine({
      '/containers/json': [200, [{ Id: 'a' }, { Id: 'b' }]],
      '/containers/a/json': [200, { Id: 'a' }],
      '/containers/b/json': [404, { message: 'No such container: b' }],
    });
    expect(await containersBySocket(path, 'shop')).toEqual([{ Id: 'a' }]);
    expect(asked[0]).toContain('com.docker.compose.project=shop');
    expect(asked[0]).toContain('all=1');
  });

  it('are an error where the engine fails, so that the client is asked', async () => {
    const { path } = await engine({ '/containers/json': [500, { message: 'no' }] });
    await expect(containersBySocket(path, 'shop')).rejects.toThrow('500');
    await expect(containersBySocket(`${path}.gone`, 'shop')).rejects.toThrow('ENOENT');
  });
});
