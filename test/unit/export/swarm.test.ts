import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { exportSwarm } from '../../../src/services/export.js';
import { folderContext } from '../../support/architecture/folder-context.js';
import { projectWithKey, SERVICE_KEYS } from '../../support/export/service-keys.js';
import { bareShell, withProject } from '../../support/project/project-on-disk.js';

const SHELL = bareShell({ DOCKER_HOST: 'unix:///nonexistent', COMPOSE_PROFILES: '*' });

async function exported(files: Record<string, string>, env: NodeJS.ProcessEnv = SHELL) {
  return withProject(files, async (directory) => {
    const { text = '', ...rest } = await exportSwarm(folderContext(directory, env), '-');
    return { text, stack: parse(text), ...rest };
  });
}

const OF_DATA = 'node.labels.shop.data == true';

/** Keys that are there in another form, without anything lost. */
const MOVED: Record<string, string> = {
  env_file: 'environment',
  restart: 'deploy.restart_policy',
  mem_limit: 'deploy.resources.limits.memory',
  mem_reservation: 'deploy.resources.reservations.memory',
  cpus: 'deploy.resources.limits.cpus',
  pids_limit: 'deploy.resources.limits.pids',
  scale: 'deploy.replicas',
  shm_size: 'volumes.0.tmpfs',
  tmpfs: 'volumes.0.tmpfs',
  network_mode: 'networks',
};

function at(value: unknown, path: string): unknown {
  return path.split('.').reduce((found, key) => (found as Record<string, unknown> | undefined)?.[key], value);
}

describe('a stack file', () => {
  it.each(Object.entries(SERVICE_KEYS))('has the key %s, or says what becomes of it', async (key, yaml) => {
    const files = projectWithKey(yaml);
    const { stack, losses } = await exported(files);
    const told = losses.filter(
      (loss) => loss.key === `services.s.${key}` || loss.key.startsWith(`services.s.${key}[`),
    );
    const there = at(stack.services.s, MOVED[key] ?? key) !== undefined;
    expect({ key, found: there || told.length > 0 }).toEqual({ key, found: true });
    for (const { file, line } of told) expect([file.endsWith('compose.yaml'), line]).toEqual([true, 5 + 1]);
  });

  it('never opens a port of the loopback interface, and says so', async () => {
    const { stack, losses } = await exported(projectWithKey(SERVICE_KEYS.ports as string));
    expect(stack.services.s.ports).toEqual([
      { target: 80, published: 8080, protocol: 'tcp' },
      { target: 81, published: 8081, protocol: 'tcp' },
      { target: 53, published: 53, protocol: 'udp' },
      { target: 90, protocol: 'tcp' },
    ]);
    const [loss] = losses.filter(({ key }) => key === 'services.s.ports[0]');
    expect(loss).toMatchObject({ kind: 'lost', line: 6 });
    expect(loss?.message).toContain('127.0.0.1');
  });

  it('holds no value of a secret', async () => {
    const files = {
      'compose.yaml': `services:
  api:
    image: api
    environment:
      DATABASE_URL: postgres://me:correct-horse-battery@db/x
      COPY: "see correct-horse-battery"
      API_KEY: 0123456789abcdef
      PLAIN: "5$$ a day"
      MOTTO: "we say \${SHELL_TOKEN}"
    labels: {motto: "we say \${SHELL_TOKEN}"}
    configs: [settings]
    secrets: [db_password]
  job: {image: job, environment: {API_KEY: another-key-altogether}}
configs: {settings: {content: "token = \${SHELL_TOKEN}"}}
secrets: {db_password: {file: ./password.txt}}
`,
      'password.txt': 'correct-horse-battery\n',
    };
    const shell = { ...SHELL, SHELL_TOKEN: 'spoken-by-the-shell' };
    const { text, stack, variables, secrets, losses } = await exported(files, shell);
    for (const value of ['correct-horse', '0123456789abcdef', 'another-key', 'spoken-by']) {
      expect(text).not.toContain(value);
      expect(JSON.stringify(losses)).not.toContain(value);
    }
    expect(losses.map(({ key }) => key)).toEqual(
      expect.arrayContaining(['services.api.labels.motto', 'configs.settings']),
    );
    expect(stack.services.api.environment).toMatchObject({ PLAIN: '5$$ a day' });
    expect(variables).toEqual([
      { service: 'api', name: 'DATABASE_URL', asked: 'DATABASE_URL' },
      { service: 'api', name: 'COPY', asked: 'COPY' },
      { service: 'api', name: 'API_KEY', asked: 'api_API_KEY' },
      { service: 'api', name: 'MOTTO', asked: 'MOTTO' },
      { service: 'job', name: 'API_KEY', asked: 'job_API_KEY' },
    ]);
    expect(secrets).toMatchObject([
      { key: 'db_password', base: 'shop_db_password', version: 'DB_PASSWORD_VERSION' },
    ]);
  });

  it('keeps a service with data where its data is, and lets another one overlap', async () => {
    const { stack, nodeLabels } = await exported(projectWithKey('volumes: [data:/data]'));
    expect(nodeLabels).toEqual(['shop.data=true']);
    expect(stack.services.s.deploy).toMatchObject({
      placement: { constraints: ['node.labels.shop.data == true'] },
      update_config: { order: 'stop-first', failure_action: 'rollback' },
    });
    expect(stack.services.t.deploy.update_config.order).toBe('start-first');
  });

  it.each([
    ['{driver: local}', true],
    ['{driver: local, driver_opts: {type: none, o: bind, device: /srv/data}}', true],
    ['{driver_opts: {type: nfs, o: "addr=10.0.0.2,rw", device: ":/data"}}', false],
    ['{driver: local, driver_opts: {type: tmpfs, device: tmpfs}}', false],
    ['{driver: rclone}', false],
  ])('a service with the volume %s stays on a node: %s', async (volume, stays) => {
    const files = {
      'compose.yaml': `name: shop
services: {s: {image: s, volumes: [data:/data]}}
volumes: {data: ${volume}}
`,
    };
    const { stack, nodeLabels } = await exported(files);
    expect(nodeLabels).toEqual(stays ? ['shop.data=true'] : []);
    expect(stack.services.s.deploy.placement !== undefined).toBe(stays);
  });

  it.each([
    ['{max_replicas_per_node: 1}', [OF_DATA]],
    ['{constraints: ["node.role == worker"]}', ['node.role == worker', OF_DATA]],
    ['{constraints: ["node.hostname != old"]}', ['node.hostname != old', OF_DATA]],
    ['{constraints: ["node.labels.disk == ssd"]}', ['node.labels.disk == ssd']],
    ['{constraints: [node.hostname==db-1]}', ['node.hostname==db-1']],
  ])(
    'keeps a service with data where its data is beside the placement %s',
    async (placement, constraints) => {
      const { stack } = await exported(
        projectWithKey(`volumes: [data:/data]\n    deploy: {placement: ${placement}}`),
      );
      expect(stack.services.s.deploy.placement.constraints).toEqual(constraints);
    },
  );

  it('says which names of services Swarm refuses, and what to call them', async () => {
    const names = ['my.api', 'My_api-2', '_db', 'x'.repeat(60)];
    const services = names.map((name) => `  ${name}: {image: api}`).join('\n');
    const { losses } = await exported({ 'compose.yaml': `name: shop\nservices:\n${services}\n` });
    const told = losses.filter(({ kind, key }) => kind === 'lost' && /^services\.[^ ]+$/.test(key));
    expect(told.map(({ message }) => /Call the service (\S+),/.exec(message)?.[1])).toEqual([
      'my-api',
      'db',
      'x'.repeat(58),
    ]);
  });

  it('runs a service on each node with its own volume there', async () => {
    const { stack, nodeLabels } = await exported(
      projectWithKey('volumes: [data:/data]\n    deploy: {mode: global}'),
    );
    expect(nodeLabels).toEqual([]);
    expect(stack.services.s.deploy).toMatchObject({ mode: 'global' });
    expect(stack.services.s.deploy.placement).toBeUndefined();
  });

  it('gives a service that each node publishes one address, also where the file says otherwise: Swarm refuses the stack', async () => {
    const published = (mode: string) =>
      exported(
        projectWithKey(`ports: [{target: 80, published: "8080"${mode}}]\n    deploy: {endpoint_mode: dnsrr}`),
      );
    const { stack, losses } = await published('');
    expect(stack.services.s.deploy.endpoint_mode).toBe('vip');
    expect(losses.map(({ key }: { key: string }) => key)).toContain('services.s.deploy.endpoint_mode');
    const host = await published(', mode: host');
    expect(host.stack.services.s.deploy.endpoint_mode).toBe('dnsrr');
  });

  it('stops a service with a port of the node first, also where the file says otherwise: Swarm would wait for ever', async () => {
    const { stack, losses } = await exported(
      projectWithKey(
        'ports: [{target: 80, published: 8080, mode: host}]\n    deploy: {update_config: {order: start-first, parallelism: 2}}',
      ),
    );
    expect(stack.services.s.deploy).toMatchObject({
      update_config: { order: 'stop-first', parallelism: 2 },
      rollback_config: { order: 'stop-first' },
    });
    expect(losses.map(({ key }: { key: string }) => key)).toContain('services.s.deploy.update_config.order');
  });

  it('is another config when the content is another one', async () => {
    const one = await exported(projectWithKey('configs: [settings]'));
    const files = projectWithKey('configs: [settings]');
    const other = { ...files, 'compose.yaml': (files['compose.yaml'] as string).replace('a: $$b', 'a: c') };
    expect(one.stack.configs.settings.file).toBe('./stack.swarm.configs/settings');
    expect(one.stack.configs.settings.name).not.toBe((await exported(other)).stack.configs.settings.name);
  });

  it('takes small read-only files of the project along as configs, and says what each node needs otherwise', async () => {
    const files = {
      'compose.yaml': `services:
  api:
    image: api
    secrets: [word]
    volumes:
      - ./data:/app/data:ro
      - ./start.sh:/start.sh:ro
      - ./uploads:/uploads
      - ./word:/word:ro
      - ./deep:/deep:ro
      - ./large:/large:ro
      - /etc/localtime:/etc/localtime:ro
secrets: {word: {file: ./word/word.txt}}
`,
      'data/a.csv': '1',
      'data/b.csv': '2',
      'start.sh': '#!/bin/sh',
      'uploads/x': 'x',
      'word/word.txt': 'correct-horse-battery',
      'deep/er/file': 'x',
      large: 'x'.repeat(500_001),
    };
    const { stack, losses } = await exported(files);
    const { api } = stack.services;
    expect(
      api.configs.map(({ target, mode }: { target: string; mode: number }) => [target, mode.toString(8)]),
    ).toEqual([
      ['/app/data/a.csv', '444'],
      ['/app/data/b.csv', '444'],
      ['/start.sh', '444'],
    ]);
    for (const { source } of api.configs) {
      expect(stack.configs[source]).toMatchObject({ name: `shop_${source}` });
    }
    expect(api.volumes.map(({ target }: { target: string }) => target)).toEqual([
      '/uploads',
      '/word',
      '/deep',
      '/large',
      '/etc/localtime',
    ]);
    const why = losses.map(({ message }) => message).filter((message) => message.startsWith('every node'));
    expect(why).toEqual([
      expect.stringMatching(/uploads: it is of this machine/),
      expect.stringMatching(/word: a secret is in it/),
      expect.stringMatching(/deep: a config has no folders in it/),
      expect.stringMatching(/large: its 500001 bytes are more than a config holds/),
      expect.stringMatching(/localtime: it is not in the project/),
    ]);
    const edited = await exported({ ...files, 'data/a.csv': '3' });
    expect(edited.stack.services.api.configs[0].source).not.toBe(api.configs[0].source);
    expect(edited.stack.services.api.configs[1]).toEqual(api.configs[1]);
  });

  it('writes the same bytes twice, and not over a file of somebody else', async () => {
    await withProject(projectWithKey('configs: [settings]'), async (directory) => {
      const context = folderContext(directory, SHELL);
      const first = await exportSwarm(context);
      expect(first.written).toEqual([
        join(directory, 'stack.swarm.yaml'),
        join(directory, 'stack.swarm.configs/settings'),
      ]);
      expect(readFileSync(join(directory, 'stack.swarm.configs/settings'), 'utf8')).toBe('a: $b');
      const before = readFileSync(first.file, 'utf8');
      await exportSwarm(context);
      expect(readFileSync(first.file, 'utf8')).toBe(before);
      writeFileSync(first.file, 'services: {}\n');
      await expect(exportSwarm(context)).rejects.toMatchObject({ code: 'EXPORT_FILE_TAKEN' });
      expect(readFileSync(first.file, 'utf8')).toBe('services: {}\n');
    });
  });
});
