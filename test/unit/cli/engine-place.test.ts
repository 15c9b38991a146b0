import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { enginePlace } from '../../../src/cli/engine-place.js';
import { clientEndpoint, contextEndpoint, contextNames } from '../../../src/engine/docker-contexts.js';

const folder = mkdtempSync(join(tmpdir(), 'invctl-test-contexts-'));
const env = { DOCKER_CONFIG: folder };

beforeAll(() => {
  for (const [name, host] of [
    ['shop', 'ssh://me@shop'],
    ['lan', 'tcp://lan:2376'],
  ] as const) {
    const place = join(folder, 'contexts', 'meta', createHash('sha256').update(name).digest('hex'));
    mkdirSync(place, { recursive: true });
    writeFileSync(
      join(place, 'meta.json'),
      JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }),
    );
  }
  mkdirSync(join(folder, 'contexts', 'meta', 'broken'));
  writeFileSync(join(folder, 'contexts', 'meta', 'broken', 'meta.json'), '{');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('contexts of the docker client', () => {
  it('have names and endpoints; one that is broken is none', () => {
    expect(contextNames(env).sort()).toEqual(['lan', 'shop']);
    expect(contextEndpoint(env, 'shop')).toBe('ssh://me@shop');
    expect(contextEndpoint(env, 'none')).toBeUndefined();
    expect(contextNames({ DOCKER_CONFIG: join(folder, 'none') })).toEqual([]);
  });

  it('count after DOCKER_HOST, and the variable before the setting', () => {
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ currentContext: 'lan' }));
    expect(clientEndpoint({ ...env, DOCKER_HOST: 'unix:///x', DOCKER_CONTEXT: 'shop' })).toBe('unix:///x');
    expect(clientEndpoint({ ...env, DOCKER_CONTEXT: 'shop' })).toBe('ssh://me@shop');
    expect(clientEndpoint(env)).toBe('tcp://lan:2376');
    expect(clientEndpoint({ ...env, DOCKER_CONTEXT: 'default' })).toBeUndefined();
    rmSync(join(folder, 'config.json'));
    expect(clientEndpoint(env)).toBeUndefined();
  });
});

describe('the place of the engine', () => {
  const chosen = { name: 'live', protected: false, variables: {} };
  const auto = { engine: 'auto' } as const;

  it('is what was typed, before the environment, before the shell', async () => {
    const shell = { ...env, DOCKER_HOST: 'ssh://shell' };
    const environment = { ...chosen, host: 'ssh://environment' };
    expect(await enginePlace({ ...auto, host: 'ssh://typed' }, shell, environment)).toMatchObject({
      address: { host: 'typed' },
      stateName: 'typed',
      flags: '--host ssh://typed',
    });
    const declared = await enginePlace(auto, shell, environment);
    expect(declared).toMatchObject({ address: { host: 'environment' } });
    // The environment has a state of its own already, and is what a hint names.
    expect([declared?.stateName, declared?.flags]).toEqual([undefined, undefined]);
    expect(await enginePlace(auto, shell, chosen)).toMatchObject({
      address: { host: 'shell' },
      stateName: 'shell',
    });
    expect(await enginePlace(auto, env, chosen)).toBeUndefined();
  });

  it('is that of a context, by SSH or as it is', async () => {
    expect(await enginePlace({ ...auto, context: 'shop' }, env, undefined)).toMatchObject({
      address: { url: 'ssh://me@shop' },
      stateName: 'me@shop',
    });
    expect(await enginePlace({ ...auto, context: 'lan' }, { ...env, DOCKER_HOST: 'x' }, undefined)).toEqual({
      variables: { DOCKER_HOST: undefined, DOCKER_CONTEXT: 'lan' },
      flags: '--context lan',
      stateName: 'context-lan',
    });
    const own = await enginePlace({ ...auto, context: 'default' }, env, undefined);
    expect(own?.stateName).toBeUndefined();
  });

  it('is of this machine for the embedded engine, whatever the shell says', async () => {
    expect(await enginePlace({ engine: 'embedded' }, { DOCKER_HOST: 'ssh://x' }, undefined)).toBeUndefined();
    await expect(enginePlace({ engine: 'embedded', host: 'ssh://x' }, {}, undefined)).rejects.toMatchObject({
      exitCode: 2,
    });
  });
});
