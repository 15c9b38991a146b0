import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { swarmStackFile } from '../../../src/export/swarm/stack-file.js';
import { exportSource, exportSwarm } from '../../../src/services/export.js';
import { folderContext } from '../../support/architecture/folder-context.js';
import { bareShell, withProject } from '../../support/project/project-on-disk.js';

const SHELL = bareShell({ DOCKER_HOST: 'unix:///nonexistent' });

const COMPOSE = `services:
  api: {image: api, deploy: {replicas: 2}, networks: {default: {aliases: [web]}}}
  db: {image: postgres}
  agent: {image: agent, deploy: {mode: global}}
  pinned: {image: agent, hostname: mine, deploy: {mode: global}}
  of-node: {image: agent, network_mode: host, deploy: {mode: global}}
  prometheus:
    image: prom/prometheus
    volumes: ['./prometheus:/etc/prometheus:ro']
`;

const SCRAPED = `# Whom we ask.
global: {scrape_interval: 5s}
scrape_configs:
  - job_name: api # each
    dns_sd_configs:
      - names: [api, web, elsewhere.example.com]
        type: A
        port: 5003
      - names: [_http._tcp.api]
  - job_name: agents
    static_configs:
      - targets: ['agent:9100', "db:9187", agent]
  - job_name: agents-alone
    static_configs: [{targets: [agent:9101]}]
  - job_name: labelled
    static_configs:
      - targets: [agent:9102]
        labels: {team: ours}
  - job_name: probed
    relabel_configs: [{target_label: x, replacement: y}]
    static_configs: [{targets: ['api:5003', 'http://api:5003/health']}]
  - job_name: one
    static_configs: [{targets: ['db:9187']}]
`;

async function stackOf(files: Record<string, string>) {
  return withProject(files, async (directory) => {
    const { text, files, losses } = swarmStackFile(await exportSource(folderContext(directory, SHELL)), {
      configsFolder: 'beside',
    });
    return { stack: parse(text), files, losses };
  });
}

describe('a configuration of Prometheus in a Swarm', () => {
  it('asks for each task of a service, and says where', async () => {
    const { stack, files, losses } = await stackOf({
      'compose.yaml': COMPOSE,
      'prometheus/prometheus.yml': SCRAPED,
      'prometheus/rules.yml': 'groups: []\n',
    });
    const [file] = files;
    expect(files).toHaveLength(1);
    const { global, scrape_configs: jobs } = parse(file?.content ?? '');
    expect(file?.content).toMatch(/^# Whom we ask\.\n/);
    expect(global).toEqual({ scrape_interval: '5s' });
    expect(jobs).toEqual([
      {
        job_name: 'api',
        dns_sd_configs: [
          { names: ['tasks.api', 'tasks.web', 'elsewhere.example.com'], type: 'A', port: 5003 },
          { names: ['_http._tcp.api'] },
        ],
      },
      {
        job_name: 'agents',
        static_configs: [{ targets: ['db:9187', 'agent'] }],
        dns_sd_configs: [{ names: ['tasks.agent'], type: 'A', port: 9100 }],
      },
      { job_name: 'agents-alone', dns_sd_configs: [{ names: ['tasks.agent'], type: 'A', port: 9101 }] },
      ...parse(SCRAPED).scrape_configs.slice(3),
    ]);

    // It is the one that Prometheus has, at the path that it has under Compose.
    const grant = stack.services.prometheus.configs.find(
      ({ target }: { target: string }) => target === '/etc/prometheus/prometheus.yml',
    );
    expect(stack.configs[grant.source].file).toBe(`./${file?.path}`);
    const told = losses.filter(({ key }) => key === 'scrape_configs');
    expect(told.map(({ kind, file, line }) => [kind, file.endsWith('/prometheus.yml'), line])).toEqual([
      ['changed', true, 6],
      ['changed', true, 6],
      ['changed', true, 12],
      ['changed', true, 14],
      ['lost', true, 17],
      ['lost', true, 21],
    ]);
    expect(told.at(-1)?.message).toContain('names: [api], type: A, port: 5003');
  });

  it('is the same file where nothing changes, and where it cannot be read', async () => {
    for (const text of [
      'scrape_configs:\n  - static_configs: [{targets: [db:9187]}]\n',
      'scrape_configs: [\n',
      'scrape_configs: none\n',
      'other: [api]\n',
    ]) {
      const { files, losses } = await stackOf({ 'compose.yaml': COMPOSE, 'prometheus/prometheus.yml': text });
      expect([text, files, losses.filter(({ key }) => key === 'scrape_configs')]).toEqual([text, [], []]);
    }
  });

  it('is another config when the configuration of the project is', async () => {
    const named = async (text: string) => {
      const { stack } = await stackOf({ 'compose.yaml': COMPOSE, 'prometheus/prometheus.yml': text });
      return Object.keys(stack.configs);
    };
    expect(await named(SCRAPED)).toEqual(await named(SCRAPED));
    expect(await named(SCRAPED)).not.toEqual(await named(SCRAPED.replace('5s', '6s')));
  });

  it('is translated in a config of the compose file, too', async () => {
    const compose = `services: {api: {image: api}}
configs:
  file: {file: ./prometheus.yml}
  inline:
    content: |
      scrape_configs:
        - dns_sd_configs: [{names: [api], type: AAAA, port: 1}]
`;
    const { stack, files, losses } = await stackOf({
      'compose.yaml': compose,
      'prometheus.yml': SCRAPED,
    });
    expect(files.map(({ path }) => path)).toEqual(['beside/file', 'beside/inline']);
    for (const { content } of files) expect(content).toContain('tasks.api');
    expect(stack.configs.file.file).toBe('./beside/file');
    expect(losses.filter(({ key, line }) => key === 'scrape_configs' && line > 2)).not.toEqual([]);
  });
});

it('a service of each node has the name of its node', async () => {
  const { stack } = await stackOf({ 'compose.yaml': COMPOSE, 'prometheus/x': '' });
  const { agent, pinned, 'of-node': ofNode, api } = stack.services;
  expect([agent, pinned, ofNode, api].map(({ hostname }) => hostname)).toEqual([
    '{{.Node.Hostname}}',
    'mine',
    undefined,
    undefined,
  ]);
});

it('a stack file on stdout says which files it lacks', async () => {
  await withProject({ 'compose.yaml': COMPOSE, 'prometheus/prometheus.yml': SCRAPED }, async (directory) => {
    const warnings: string[] = [];
    const context = { ...folderContext(directory, SHELL), warn: (text: string) => warnings.push(text) };
    await exportSwarm(context, '-');
    expect(warnings).toEqual([expect.stringMatching(/prometheus\.yml_\w+, written beside it alone/)]);
    warnings.length = 0;
    await exportSwarm(context);
    expect(warnings).toEqual([]);
  });
});
