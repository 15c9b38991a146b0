import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { invctl } from '../../support/cli.js';
import { snapshot, temporaryFolder } from '../../support/folder.js';

let root: string;
let shop: string;
beforeEach(async () => {
  root = await temporaryFolder();
  shop = join(root, 'shop');
});

const run = (...args: string[]) => invctl(args, { cwd: root });
const read = (path: string) => readFile(join(shop, path), 'utf8');
async function refusal(...args: string[]) {
  const { code, stdout } = await run('--json', ...args);
  return { code, error: JSON.parse(stdout).error };
}

describe('init --domain', () => {
  it('lays a proxy over the project that alone publishes ports, and whose address alone the API believes', async () => {
    await run('init', 'shop', '--domain', 'Bücher.example');
    const config = parse((await run('-C', 'shop', 'config')).stdout);
    const { proxy, api, db } = config.services;
    const published = ({ ports }: { ports: { hostIp?: string; published: number }[] }) =>
      ports.map(({ hostIp, published }) => `${hostIp ?? '*'}:${published}`);
    expect(published(proxy)).toEqual(['*:80', '*:443', '*:443']);
    expect(published(api)).toEqual([expect.stringMatching(/^127\.0\.0\.1:/)]);
    expect(published(db)).toEqual([]);
    const overlay = parse(await read('compose.override.yaml'));
    const address = overlay.services.proxy.networks.edge.ipv4_address;
    expect(JSON.stringify(api.environment)).toContain(address);
    // The default port is no part of the address, and nothing is warned of for it.
    expect(overlay.services.proxy.labels['invctl.url']).toMatch(/^https:\/\/xn--bcher-kva\.example\$/);
    const { stdout } = await run('-C', 'shop', 'doctor', '--only', 'env.required');
    expect(stdout).toContain('Nothing is wrong.');
    // No container that chooses no address gets the proxy's.
    const [{ subnet, ip_range }] = overlay.networks.edge.ipam.config;
    const last = (text: string) => Number(/\.(\d+)(?:\/\d+)?$/.exec(text)?.[1]);
    expect(last(address)).toBeGreaterThanOrEqual(last(ip_range) + 8);
    expect(last(address)).toBeLessThan(last(subnet) + 15);
    expect(proxy.mounts).toContainEqual(expect.objectContaining({ type: 'volume', target: '/data' }));
    expect(await read('proxy/Caddyfile')).toMatch(/^xn--bcher-kva\.example \{/m);
    expect(await read('proxy/Caddyfile')).not.toContain('tls internal');
  });

  it('takes another domain for a file that was not edited, and leaves one that was', async () => {
    await run('init', 'shop', '--domain', 'shop.example.com');
    const before = await snapshot(shop);
    expect((await run('init', 'shop', '--domain', 'shop.example.com')).stdout).toContain(
      'Nothing was changed.',
    );
    expect(await snapshot(shop)).toEqual(before);
    await run('init', 'shop', '--domain', 'shop.localhost');
    const caddyfile = await read('proxy/Caddyfile');
    expect(caddyfile).toMatch(/^shop\.localhost \{\n.*\n\ttls internal$/m);
    // An edit elsewhere in the file comes along; one of the same line stays, and is told of.
    await writeFile(join(shop, 'proxy/Caddyfile'), caddyfile.replace('shop.localhost {', 'mine.example {'));
    const { stdout } = await run('init', 'shop', '--domain', 'other.example');
    expect(stdout).toContain('proxy/Caddyfile        differs (edited)');
    expect(await read('proxy/Caddyfile')).toContain('mine.example {');
  });

  it('belongs to an environment that is added', async () => {
    await run('init', 'shop', '--domain', 'shop.example.com', '--environment', 'production');
    expect(parse(await read('invctl.yaml')).environments.production.files).toEqual([
      'compose.yaml',
      'compose.production.yaml',
      'compose.override.yaml',
    ]);
    const config = parse((await run('-C', 'shop', '--environment', 'production', 'config')).stdout);
    expect(Object.keys(config.services).sort()).toEqual(['api', 'db', 'proxy']);
    const { edge } = parse(await read('compose.override.yaml')).services.proxy.networks;
    expect(JSON.stringify(config.services.api.environment)).toContain(edge.ipv4_address);
  });

  it('says which environment of before has no proxy yet', async () => {
    await run('init', 'shop', '--environment', 'production');
    const { stderr } = await run('init', 'shop', '--domain', 'shop.example.com');
    expect(stderr).toContain('add compose.override.yaml as the last of environments.production.files');
    const settings = await read('invctl.yaml');
    await writeFile(
      join(shop, 'invctl.yaml'),
      settings.replace(
        '      - compose.production.yaml\n',
        '      - compose.production.yaml\n      - compose.override.yaml\n',
      ),
    );
    expect((await run('init', 'shop', '--domain', 'shop.example.com')).stderr).toBe('');
  });

  it('changes nothing in a project with a proxy or an overlay of its own, nor for what is no name', async () => {
    await run('init', 'shop');
    const scaffold = await read('compose.yaml');
    await writeFile(
      join(shop, 'compose.yaml'),
      scaffold.replace('\nnetworks:\n', '\n  proxy: { image: nginx }\n\nnetworks:\n'),
    );
    let before = await snapshot(shop);
    const service = await refusal('init', 'shop', '--domain', 'shop.example.com');
    expect([service.code, service.error.code]).toEqual([4, 'ADDITION_TAKEN']);
    expect(service.error.message).toContain('proxy');
    expect(await snapshot(shop)).toEqual(before);

    await writeFile(join(shop, 'compose.yaml'), scaffold);
    for (const name of ['compose.override.yml', 'docker-compose.override.yaml', 'compose.override.yaml']) {
      await writeFile(join(shop, name), 'services: {}\n');
      before = await snapshot(shop);
      const overlay = await refusal('init', 'shop', '--domain', 'shop.example.com');
      expect([overlay.code, overlay.error.message]).toEqual([4, expect.stringContaining(name)]);
      expect(await snapshot(shop)).toEqual(before);
      await rm(join(shop, name));
    }
    const typed = await refusal('init', 'shop', '--domain', 'https://shop.example.com:8443');
    expect([typed.code, typed.error.hint]).toEqual([2, expect.stringContaining('--domain shop.example.com')]);
  });
});
