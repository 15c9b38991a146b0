import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../../../src/engine/engine.js';
import type { Swarm, SwarmNode, SwarmSecret } from '../../../../src/engine/swarm/swarm.js';
import { CommandError, UserError } from '../../../../src/errors.js';
import type { ExportSource } from '../../../../src/export/source.js';
import type { ProjectLocation } from '../../../../src/project/locate.js';
import type { ComposeProject } from '../../../../src/project/model.js';
import { pinImages } from '../../../../src/services/deploy/swarm-images.js';
import { nodeUndecided, placeLabels } from '../../../../src/services/deploy/swarm-placement.js';
import {
  createSecrets,
  planSecrets,
  removeOldSecrets,
} from '../../../../src/services/deploy/swarm-secrets.js';

const folder = mkdtempSync(join(tmpdir(), 'invctl-plan-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const node = (name: string, labels: Record<string, string> = {}, availability = 'active'): SwarmNode => ({
  ID: `id-${name}`,
  Spec: { Labels: labels, Availability: availability },
  Status: { State: 'ready' },
  Description: { Hostname: name, Platform: { Architecture: 'x86_64', OS: 'linux' } },
});

const LABEL = 'shop.pgdata=true';
const nobody = async (label: string, nodes: readonly SwarmNode[]): Promise<never> => {
  throw nodeUndecided(label, nodes);
};
const known = (inUse: readonly string[], runsOn: readonly [string, string][] = []) => ({
  inUse: new Set(inUse),
  runsOn: new Map(runsOn),
});
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'nothing thrown',
    (error) => (error instanceof UserError ? error.code : String(error)),
  );

describe('the node of the data', () => {
  it('is the only one that takes tasks, the one that has the label, or the one that is named', async () => {
    const placed = async (nodes: SwarmNode[], named?: string, ...inUse: string[]) =>
      (await placeLabels(nodes, [LABEL], known(inUse), named, nobody)).map((one) => [
        one.node.Description.Hostname,
        one.kept,
      ]);
    expect(await placed([node('a')])).toEqual([['a', false]]);
    expect(await placed([node('a'), node('b', {}, 'drain')])).toEqual([['a', false]]);
    expect(await placed([node('a'), node('b', { 'shop.pgdata': 'true' })])).toEqual([['b', true]]);
    expect(await placed([node('a'), node('b')], 'b')).toEqual([['b', false]]);
    expect(await placed([node('a'), node('b')], 'id-b')).toEqual([['b', false]]);
  });

  it('is the one that a service runs on which was bound to none', async () => {
    const nodes = [node('a'), node('b')];
    const on = (named?: string) => placeLabels(nodes, [LABEL], known([], [[LABEL, 'id-b']]), named, nobody);
    expect((await on()).map((one) => one.node.Description.Hostname)).toEqual(['b']);
    expect(await codeOf(on('b'))).toBe('nothing thrown');
    expect(await codeOf(on('a'))).toBe('NODE_HAS_NO_DATA');
    // It is gone, and so is what ran there.
    const gone = placeLabels([node('a')], [LABEL], known([], [[LABEL, 'id-b']]), undefined, nobody);
    expect((await gone).map((one) => one.node.Description.Hostname)).toEqual(['a']);
  });

  it('is never guessed, and never another one than has the data', async () => {
    const code = (nodes: SwarmNode[], named?: string, ...inUse: string[]) =>
      codeOf(placeLabels(nodes, [LABEL], known(inUse), named, nobody));
    const data = { 'shop.pgdata': 'true' };
    expect(await code([node('a'), node('b')])).toBe('NODE_UNDECIDED');
    expect(await code([node('a', data), node('b', data)])).toBe('LABEL_TWICE');
    expect(await code([node('a', data), node('b')], 'b')).toBe('NODE_HAS_NO_DATA');
    expect(await code([node('a')], 'c')).toBe('NODE_UNKNOWN');
    expect(await code([node('a'), node('a')], 'a')).toBe('NODE_UNKNOWN');
    // The node with the data is gone: the only one left is not taken for it, unless it is named.
    expect(await code([node('a')], undefined, LABEL)).toBe('DATA_NODE_AWAY');
    expect(await code([node('a')], 'a', LABEL)).toBe('nothing thrown');
    expect(await code([node('a', data, 'drain'), node('b')])).toBe('DATA_NODE_AWAY');
    expect(await code([node('a', data, 'pause'), node('b')])).toBe('nothing thrown');
    const down = { ...node('a', data), Status: { State: 'down' } };
    expect(await code([down, node('b')])).toBe('DATA_NODE_AWAY');
  });
});

/** A Swarm that keeps secrets and shows none, as the real one. */
function swarmOfSecrets(names: readonly string[] = []): {
  swarm: Swarm;
  there: SwarmSecret[];
  inUse: Set<string>;
} {
  const there: SwarmSecret[] = names.map((Name) => ({ ID: Name, Spec: { Name, Labels: {} } }));
  const inUse = new Set<string>();
  const swarm = {
    secrets: async () => there,
    createSecret: async (Name: string, Labels: Record<string, string>, value: Readable) => {
      value.destroy();
      there.push({ ID: Name, Spec: { Name, Labels } });
    },
    removeSecret: async (name: string) => {
      if (inUse.has(name)) return false;
      there.splice(
        there.findIndex(({ ID }) => ID === name),
        1,
      );
      return true;
    },
  } as unknown as Swarm;
  return { swarm, there, inUse };
}

describe('the versions of a secret', () => {
  const file = join(folder, 'word.txt');
  const source = { project: { secrets: { word: { file } } } } as unknown as ExportSource;
  const exported = [{ key: 'word', base: 'shop_word', version: 'WORD_VERSION', file, written: {} }];
  const deploy = async (swarm: Swarm, content: string | Buffer) => {
    writeFileSync(file, content);
    const planned = await planSecrets(swarm, source, exported);
    await createSecrets(swarm, 'shop', planned);
    await removeOldSecrets(swarm, planned);
    return planned.map(({ name, state }) => [name, state]);
  };

  it('follow the content, byte by byte, and come back with it', async () => {
    const { swarm, there } = swarmOfSecrets();
    expect(await deploy(swarm, 'a')).toEqual([['shop_word_v1', 'new']]);
    expect(await deploy(swarm, 'a')).toEqual([['shop_word_v1', 'kept']]);
    expect(await deploy(swarm, 'a\n')).toEqual([['shop_word_v2', 'changed']]);
    expect(await deploy(swarm, 'a')).toEqual([['shop_word_v1', 'kept']]);
    expect(await deploy(swarm, Buffer.from([0xff, 0, 0xfe]))).toEqual([['shop_word_v3', 'changed']]);
    expect(await deploy(swarm, Buffer.from([0xff, 0, 0xfd]))).toEqual([['shop_word_v4', 'changed']]);
    // The one before stays for a rollback.
    expect(there.map(({ ID }) => ID)).toEqual(['shop_word_v3', 'shop_word_v4']);
    expect(JSON.stringify(there)).not.toContain('"a"');
  });

  it('trust and remove none that somebody else made', async () => {
    const { swarm, there } = swarmOfSecrets([
      'shop_word_v1',
      'shop_word_v7',
      'shop_word_vx',
      'shop_wording_v9',
    ]);
    expect(await deploy(swarm, 'a')).toEqual([['shop_word_v8', 'unknown']]);
    expect(there).toHaveLength(5);
  });

  it('are refused where the file is nothing that an orchestrator takes', async () => {
    const { swarm } = swarmOfSecrets();
    expect(await codeOf(deploy(swarm, ''))).toBe('SECRET_EMPTY');
    expect(await codeOf(deploy(swarm, Buffer.alloc(500 * 1024 + 1, 1)))).toBe('SECRET_TOO_LARGE');
    rmSync(file);
    expect(await codeOf(planSecrets(swarm, source, exported))).toBe('SECRET_MISSING');
    const external = [{ key: 'word', base: 'theirs', written: {} }];
    expect(await codeOf(planSecrets(swarm, source, external))).toBe('SECRET_EXTERNAL_MISSING');
  });
});

describe('the images of several nodes', () => {
  const project = {
    name: 'shop',
    services: {
      api: { name: 'api', image: 'registry.example.com/shop:2', build: {} },
      db: { name: 'db', image: `postgres@sha256:${'a'.repeat(64)}` },
    },
  } as unknown as ComposeProject;
  const pin = (
    registryDigest: (image: string) => Promise<string>,
    of = project,
    { pull = registryDigest, dryRun = false } = {},
  ) =>
    pinImages(
      {
        swarm: { registryDigest, pull } as Swarm,
        nodes: [node('a'), node('b')],
        engine: {} as Engine,
        location: {} as ProjectLocation,
      },
      of,
      {
        from: 'built',
        running: new Map(),
        dryRun,
        signal: new AbortController().signal,
      },
    );

  it('are those of a registry, by digest', async () => {
    const digest = `sha256:${'b'.repeat(64)}`;
    expect((await pin(async () => digest)).map(({ pinned }) => pinned)).toEqual([
      `registry.example.com/shop:2@${digest}`,
      `postgres@sha256:${'a'.repeat(64)}`,
    ]);
  });

  it('are none that one engine alone has', async () => {
    const refused = async (): Promise<string> => {
      throw new CommandError({
        argv: ['docker'],
        status: 1,
        signal: null,
        stderrTail: 'ERROR: shop:2: not found',
      });
    };
    const error = await pin(refused).catch((thrown) => thrown);
    expect([error.code, error.hint]).toEqual([
      'IMAGE_NOT_IN_REGISTRY',
      expect.stringContaining('docker compose build --push api'),
    ]);
    // What the compose file does not build is not built.
    const { api, ...others } = project.services;
    const pulled = { ...project, services: { ...others, api: { ...api, build: undefined } } };
    const other = await pin(refused, pulled as unknown as ComposeProject).catch((thrown) => thrown);
    expect(other.hint).toMatch(/^docker push registry\.example\.com\/shop:2 /);
    const unnamed = { ...project, services: { db: { name: 'db', image: 'postgres:16' } } };
    const hub = await pin(refused, unnamed as unknown as ComposeProject).catch((thrown) => thrown);
    expect(hub.hint).toContain(
      'docker tag postgres:16 registry.example.com/postgres:16 && docker push registry.example.com/postgres:16',
    );
  });

  it('are pulled by the engine where this machine does not reach its registry', async () => {
    const digest = `sha256:${'b'.repeat(64)}`;
    const failed = (said: string) => async (): Promise<string> => {
      throw new CommandError({ argv: ['docker'], status: 1, signal: null, stderrTail: said });
    };
    const http = failed('ERROR: http: server gave HTTP response to HTTPS client');
    const pinned = async (pull: (image: string) => Promise<string>, dryRun = false) =>
      (await pin(http, project, { pull, dryRun })).map((one) => one.pinned)[0];
    expect(await pinned(async () => digest)).toBe(`registry.example.com/shop:2@${digest}`);
    expect(await pinned(failed('never asked'), true)).toBe('registry.example.com/shop:2');
    const error = await pinned(failed('Error response from daemon: no route to host')).catch(
      (thrown) => thrown,
    );
    expect([error.code, error.message]).toEqual([
      'IMAGE_NOT_IN_REGISTRY',
      expect.stringContaining('no route to host'),
    ]);
  });
});
