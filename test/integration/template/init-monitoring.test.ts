import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { sha256 } from '../../../src/template/lock.js';
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
const ON = { COMPOSE_PROFILES: 'monitoring' };
const services = async (env: Record<string, string>, ...args: string[]) =>
  parse((await invctl(['-C', 'shop', ...args, 'config'], { cwd: root, env })).stdout).services;
const certificateFiles = async () => ({
  target: parse(await read('monitoring/prometheus/certificate-target.yml')),
  probe: parse(await read('monitoring/blackbox/blackbox.yml')),
  rules: await read('monitoring/prometheus/certificate-rules.yml'),
});
async function refusal(...args: string[]) {
  const { code, stdout } = await run('--json', ...args);
  return { code, error: JSON.parse(stdout).error };
}

const MONITORS = [
  'alertmanager',
  'log-shipper',
  'log-store',
  'node-exporter',
  'postgres-exporter',
  'prometheus',
];

describe('init --monitoring', { timeout: 240_000 }, () => {
  it('adds services that the profile starts, read-only, bounded, published on loopback at most', async () => {
    const { stdout } = await run('init', 'shop', '--monitoring');
    expect(stdout).toContain('next:  cd shop && COMPOSE_PROFILES=monitoring invctl up');
    expect(Object.keys(await services({})).sort()).toEqual(['api', 'db']);
    const all = await services(ON);
    expect(Object.keys(all).sort()).toEqual(['api', 'db', ...MONITORS].sort());
    const overlay = parse(await read('compose.override.yaml'), { merge: true });
    for (const name of MONITORS) {
      const service = overlay.services[name];
      expect(service).toMatchObject({
        profiles: ['monitoring'],
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        restart: 'unless-stopped',
        healthcheck: { test: expect.arrayContaining(['CMD']) },
        deploy: { resources: { limits: { memory: expect.any(String), pids: expect.any(Number) } } },
      });
      expect(service.image).toMatch(/^[a-z./-]+:v?\d+\.\d+\.\d+@sha256:[0-9a-f]{64}$/);
      for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
      for (const volume of service.volumes ?? []) {
        if (typeof volume === 'string') expect(volume).toMatch(/:ro$|^[a-z-]+-(data|state):/);
        else expect(volume).toMatchObject({ type: 'bind', target: '/docker', read_only: true });
      }
    }
    // No password but the database's, by its file.
    const { 'postgres-exporter': exporter } = overlay.services;
    expect(exporter.environment.DATA_SOURCE_PASS_FILE).toBe('/run/secrets/db_password');
    expect(JSON.stringify(exporter)).not.toContain((await read('secrets/db_password.txt')).trim());
    // Docker's socket is root on the machine.
    expect(JSON.stringify(overlay)).not.toContain('docker.sock');
    // What is shipped is known by labels in Docker's files, which `invctl logs` reads as before.
    const labels = [
      ...['compose.project', 'compose.service', 'compose.container-number'],
      ...['stack.namespace', 'swarm.service.name', 'swarm.task.name'],
    ]
      .map((of) => `com.docker.${of}`)
      .join();
    for (const name of ['api', 'db']) {
      expect(overlay.services[name]).toEqual({ logging: { options: { labels } } });
    }
    expect(overlay.services['log-shipper'].deploy.mode).toBe('global');
    expect(all['log-shipper'].environment).toEqual({ PROJECT: 'shop' });
    // What invctl writes there is of this machine.
    expect(await read('monitoring/textfile/.gitignore')).toMatch(/^\*\n!\.gitignore$/m);
    expect(JSON.parse(await read('monitoring/grafana/dashboard.json')).title).toBe('shop: inventory');
  });

  it('satisfies doctor --production once the profile is on, and is told of as off before', async () => {
    await run('init', 'shop', '--monitoring');
    const check = async (env: Record<string, string>) => {
      const { stdout } = await invctl(['--json', '-C', 'shop', 'doctor', '--production'], { cwd: root, env });
      return JSON.parse(stdout).data.checks.find(({ id }: { id: string }) => id === 'prod.monitoring');
    };
    const off = await check({});
    expect(off.outcome).toBe('fail');
    expect(JSON.stringify(off)).toContain('put COMPOSE_PROFILES=monitoring into .env, then: invctl up');
    expect((await check(ON)).outcome).toBe('pass');
    await writeFile(join(shop, '.env'), 'COMPOSE_PROFILES=monitoring\n');
    expect((await check({})).outcome).toBe('pass');
  });

  it('shares its overlay with --domain, whichever comes first, and changes nothing the next time', async () => {
    await run('init', 'shop', '--domain', 'shop.localhost');
    await run('init', 'shop', '--monitoring');
    const domainFirst = await read('compose.override.yaml');
    const before = await snapshot(shop);
    for (const args of [['--monitoring'], ['--domain', 'shop.localhost'], []]) {
      expect((await run('init', 'shop', ...args)).stdout).toContain('Nothing was changed.');
    }
    expect(await snapshot(shop)).toEqual(before);
    expect(Object.keys(await services(ON)).sort()).toEqual(
      ['api', 'blackbox-exporter', 'db', ...MONITORS, 'proxy'].sort(),
    );
    // Both have something to say of the API.
    const { api } = parse(domainFirst, { merge: true }).services;
    expect(Object.keys(api)).toEqual(['environment', 'networks', 'logging']);
    const certificate = await certificateFiles();
    expect(certificate).toMatchObject({ target: [{ labels: { instance: 'shop.localhost' } }] });
    await rm(shop, { recursive: true });
    await run('init', 'shop', '--monitoring');
    await run('init', 'shop', '--domain', 'shop.localhost');
    expect(await read('compose.override.yaml')).toBe(domainFirst);
    expect(await certificateFiles()).toEqual(certificate);
    expect(JSON.parse(await read('.invctl/lock.json')).additions).toEqual({
      domain: 'shop.localhost',
      monitoring: true,
    });
  });

  it('watches the certificate of another domain, once there is one', async () => {
    await run('init', 'shop', '--domain', 'shop.localhost', '--monitoring');
    expect((await certificateFiles()).rules).toContain('time() < 7200');
    const { stdout } = await run('init', 'shop', '--domain', 'shop.example.com');
    expect(stdout).toMatch(/monitoring\/prometheus\/certificate-rules.yml +updated/);
    const { target, probe, rules } = await certificateFiles();
    expect(target[0].labels.instance).toBe('shop.example.com');
    expect(probe.modules.certificate.tcp.tls_config.server_name).toBe('shop.example.com');
    expect(rules).toContain('time() < 604800');
    expect((await run('init', 'shop', '--monitoring')).stdout).toContain('Nothing was changed.');
  });

  it('comes beside an edit of the overlay, and is merged by upgrade with one of the rules', async () => {
    await run('init', 'shop', '--domain', 'shop.localhost');
    const edited = (await read('compose.override.yaml')).replace('memory: 256m', 'memory: 300m');
    await writeFile(join(shop, 'compose.override.yaml'), edited);
    await run('init', 'shop', '--monitoring');
    const overlay = parse(await read('compose.override.yaml'));
    expect(overlay.services.proxy.deploy.resources.limits.memory).toBe('300m');
    expect(overlay.services.prometheus.image).toMatch(/^prom\/prometheus:/);

    // As an older template had made it, with other line ends.
    const path = 'monitoring/prometheus/rules.yml';
    const [today, formerly] = ['for: 2m', 'for: 9m'];
    const old = (await read(path)).replace(today, formerly);
    const base = JSON.parse(gunzipSync(await readFile(join(shop, '.invctl/base.json.gz'))).toString());
    base.files.find((file: { path: string }) => file.path === path).text = old;
    await writeFile(join(shop, '.invctl/base.json.gz'), gzipSync(JSON.stringify(base)));
    const lock = JSON.parse(await read('.invctl/lock.json'));
    lock.files[path] = sha256(Buffer.from(old));
    await writeFile(join(shop, '.invctl/lock.json'), JSON.stringify(lock));
    await writeFile(join(shop, path), `${old}# mine\n`.replaceAll('\n', '\r\n'));
    await run('-C', 'shop', 'upgrade');
    expect((await read(path)).replaceAll('\r\n', '\n')).toBe(`${old.replace(formerly, today)}# mine\n`);
    expect(JSON.parse(await read('.invctl/lock.json')).additions.monitoring).toBe(true);
  });

  it('takes other line ends for no edit', async () => {
    await run('init', 'shop', '--monitoring');
    for (const path of ['compose.override.yaml', 'monitoring/prometheus/rules.yml']) {
      await writeFile(join(shop, path), (await read(path)).replaceAll('\n', '\r\n'));
    }
    expect((await run('init', 'shop', '--monitoring')).stdout).toContain('Nothing was changed.');
  });

  it('belongs to an environment that is added, and is told of for one that was there', async () => {
    await run('init', 'shop', '--environment', 'staging');
    const { stderr } = await run('init', 'shop', '--monitoring');
    expect(stderr).toContain(
      'the environment staging has no monitoring yet: add compose.override.yaml as the last of environments.staging.files',
    );
    await run('init', 'shop', '--environment', 'production');
    expect(parse(await read('invctl.yaml')).environments.production.files.at(-1)).toBe(
      'compose.override.yaml',
    );
    const all = await services(ON, '--environment', 'production');
    expect(Object.keys(all)).toEqual(expect.arrayContaining(MONITORS));
  });

  it('changes nothing where what it builds on has another name, and the project stays one that Compose takes', async () => {
    await run('init', 'shop');
    const scaffold = await read('compose.yaml');
    const renamed: [string, string, string, string][] = [
      ['--monitoring', '\n  api:\n', '\n  web:\n', 'no "api" under services'],
      ['--domain=shop.localhost', '\n  api:\n', '\n  web:\n', 'no "api" under services'],
      ['--monitoring', 'backend', 'interior', 'no "backend" under networks'],
      ['--monitoring', 'db_password', 'word', 'no "db_password" under secrets'],
    ];
    for (const [flag, from, to, why] of renamed) {
      await writeFile(join(shop, 'compose.yaml'), scaffold.replaceAll(from, to));
      const before = await snapshot(shop);
      const { code, error } = await refusal('init', 'shop', flag);
      expect([code, error.code]).toEqual([4, 'ADDITION_UNFIT']);
      expect(error.message).toContain(why);
      expect(error.hint).toContain('as invctl init did');
      expect(await snapshot(shop)).toEqual(before);
    }
  });

  it('changes nothing where such a service, volume or file is there already', async () => {
    await run('init', 'shop');
    const scaffold = await read('compose.yaml');
    const refused = async (...args: string[]) => {
      const before = await snapshot(shop);
      const { code, error } = await refusal('init', 'shop', '--monitoring', ...args);
      expect([code, error.code]).toEqual([4, 'ADDITION_TAKEN']);
      expect(await snapshot(shop)).toEqual(before);
      return error.message;
    };
    await writeFile(
      join(shop, 'compose.yaml'),
      scaffold.replace('\nnetworks:\n', '\n  prometheus: { image: prom/prometheus }\n\nnetworks:\n'),
    );
    expect(await refused()).toContain('has prometheus under services already');
    await writeFile(
      join(shop, 'compose.yaml'),
      scaffold.replace('pgdata: {}', 'pgdata: {}\n  prometheus-data: {}'),
    );
    expect(await refused()).toContain('has prometheus-data under volumes already');
    await writeFile(join(shop, 'compose.yaml'), scaffold);
    await writeFile(join(shop, 'compose.override.yml'), 'services: {}\n');
    expect(await refused()).toContain('compose.override.yml is there already');
    await rm(join(shop, 'compose.override.yml'));

    // In the overlay that --domain made: the key would be there twice.
    await run('init', 'shop', '--domain', 'shop.localhost');
    const overlay = await read('compose.override.yaml');
    await writeFile(
      join(shop, 'compose.override.yaml'),
      overlay.replace('services:\n', 'services:\n  alertmanager: { image: mine }\n'),
    );
    expect(await refused()).toContain('has alertmanager under services already');
    await writeFile(join(shop, 'compose.override.yaml'), overlay);
    expect((await run('init', 'shop', '--monitoring')).code).toBe(0);
  });

  it('leaves a file of somebody else, and replaces it with --force alone, keeping a copy', async () => {
    await run('init', 'shop');
    await run('init', 'shop', '--monitoring', '--dry-run');
    await expect(read('monitoring/prometheus/rules.yml')).rejects.toThrow('ENOENT');
    await mkdir(join(shop, 'monitoring/prometheus'), { recursive: true });
    await writeFile(join(shop, 'monitoring/prometheus/rules.yml'), 'groups: []\n');
    const before = await snapshot(shop);
    const { code, error } = await refusal('init', 'shop', '--monitoring');
    expect([code, error.code]).toEqual([4, 'ADDITION_TAKEN']);
    expect(await snapshot(shop)).toEqual(before);
    const { stdout } = await run('--json', 'init', 'shop', '--monitoring', '--force');
    const { copies } = JSON.parse(stdout).data;
    expect(await readFile(join(copies, 'monitoring/prometheus/rules.yml'), 'utf8')).toBe('groups: []\n');
    expect(await read('monitoring/prometheus/rules.yml')).toContain('alert: ApiDown');
  });
});
