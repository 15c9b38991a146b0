import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { invctl } from '../../../support/cli.js';
import { withoutDocker } from '../../../support/docker.js';
import { docker } from '../../../support/docker-project.js';
import { atFullSize } from '../../../support/fault-counts.js';
import { buildStandIns, STAND_INS, useStandIns } from '../../../support/monitoring/stand-ins.js';
import { type SwarmNodes, startSwarmNodes, whyNoSwarmNodes } from '../../../support/remote/swarm-nodes.js';

const reason = !atFullSize
  ? 'npm run test:faults runs it'
  : withoutDocker
    ? 'no Docker engine answers here'
    : whyNoSwarmNodes();
if (reason) console.warn(`skipped: logs of a Swarm of two machines (${reason})`);

/** There is no IPVS in these machines, and only the host's port leads in. What Prometheus asks by task needs neither. */
const LAID_OVER = `services:
  db: {deploy: {endpoint_mode: dnsrr}}
  api: {deploy: {replicas: 2, placement: {max_replicas_per_node: 1}}}
  prometheus: {deploy: {endpoint_mode: dnsrr}}
  alertmanager: {deploy: {endpoint_mode: dnsrr}}
  postgres-exporter: {deploy: {endpoint_mode: dnsrr}}
  log-store:
    ports: [{target: 9428, published: "9428", mode: host}]
    deploy: {endpoint_mode: dnsrr}
`;

interface Line {
  service: string;
  container: string;
  _msg: string;
}

describe.skipIf(reason)('the logs of a scaffold in a Swarm of two machines', () => {
  const name = `invctl-logs-${randomBytes(4).toString('hex')}`;
  let nodes: SwarmNodes;
  let root: string;
  let folder: string;

  beforeAll(async () => {
    await buildStandIns();
    nodes = await startSwarmNodes();
    root = await mkdtemp(join(tmpdir(), 'invctl-logs-'));
    folder = join(root, name);
    expect((await invctl(['init', folder, '--monitoring'], { cwd: root })).code).toBe(0);
    await useStandIns(folder);
    for (const file of ['compose.yaml', 'compose.override.yaml']) {
      const path = join(folder, file);
      const text = readFileSync(path, 'utf8')
        .replaceAll(/image: (postgres:\S+|invctl-stand-ins)$/gm, `image: ${nodes.registry}/$1`)
        .replace(`image: "${name}-api"`, `image: ${nodes.registry}/${name}-api`);
      writeFileSync(path, text);
    }
    writeFileSync(join(folder, 'compose.swarm.yaml'), LAID_OVER);
    appendFileSync(
      join(folder, '.env'),
      'COMPOSE_PROFILES=monitoring\nCOMPOSE_FILE=compose.yaml:compose.override.yaml:compose.swarm.yaml\nDOCKER_ROOT_DIR=/run/machine/data\n',
    );
    // Seconds in place of minutes.
    edit('monitoring/log-shipper/syslog-ng.conf', (text) => text.replace('freq(60)', 'freq(2)'));
    edit('monitoring/prometheus/prometheus.yml', (text) => text.replace(/_interval: 15s/g, '_interval: 1s'));
    edit('monitoring/prometheus/rules.yml', (text) =>
      text.replace(/^( +for:) \w+$/gm, '$1 1s').replace('"jsonline"}[10m]', '"jsonline"}[15s]'),
    );
    execFileSync('docker', ['build', '--quiet', '--tag', `${name}-api`, join(folder, 'stack')]);
    const [postgres = ''] = /postgres:\S+$/m.exec(readFileSync(join(folder, 'compose.yaml'), 'utf8')) ?? [];
    for (const image of [postgres, STAND_INS, `${name}-api`]) {
      nodes.manager.load(image);
      const there = `${nodes.registry}/${image}`;
      await nodes.manager.run(`docker tag ${image} ${there} && docker push --quiet ${there}`);
    }
  }, 900_000);

  afterAll(async () => {
    nodes?.remove();
    await docker('image', 'rm', '--force', `${name}-api`, STAND_INS).catch(() => '');
    if (root) rmSync(root, { recursive: true, force: true });
    rmSync(`${root}-state`, { recursive: true, force: true });
  });

  function edit(path: string, change: (text: string) => string): void {
    const before = readFileSync(join(folder, path), 'utf8');
    const after = change(before);
    expect([path, after === before]).toEqual([path, false]);
    writeFileSync(join(folder, path), after);
  }
  async function json(...args: string[]) {
    const { code, stdout, stderr } = await invctl(
      ['--host', `ssh://root@${nodes.manager.address}`, ...args, '--json'],
      { cwd: folder, env: { ...nodes.manager.env, INVCTL_STATE_DIR: `${root}-state` } },
    );
    const { data, error } = JSON.parse(stdout);
    return { code, data, error, stderr };
  }
  const stored = async (text: string): Promise<Line[]> =>
    (await (await fetch(`http://${nodes.manager.address}:9428/lines`)).text())
      .split('\n')
      .filter((line) => line.includes(text))
      .map((line) => JSON.parse(line));
  const ofTask = (service: string) => `docker ps -qf label=com.docker.swarm.service.name=${name}_${service}`;
  async function query(expression: string): Promise<{ metric: Record<string, string> }[]> {
    const url = `http://127.0.0.1:9090/api/v1/query?query=${encodeURIComponent(expression)}`;
    const answer = await nodes.manager.run(`docker exec $(${ofTask('prometheus')}) wget -q -O - '${url}'`);
    return JSON.parse(answer).data.result;
  }
  const soon = { timeout: 60_000, interval: 500 };

  it('are shipped from both, by the names that they have under Compose', async () => {
    const deployed = await json('deploy', 'swarm', '--node', nodes.manager.name);
    expect(deployed.error).toBeUndefined();

    // One on each node prints a line, and reads it in Docker's files.
    const containers = async (text: string) =>
      [...new Set((await stored(text)).map(({ container }) => container))].sort();
    const ids = (await nodes.manager.run('docker node ls --quiet')).split('\n');
    await expect.poll(() => containers(' alive'), soon).toEqual(ids.map((id) => `log-shipper-${id}`).sort());

    for (const machine of [nodes.manager, nodes.worker]) {
      await machine.run(`docker exec $(${ofTask('api')}) sh -c 'echo told by "ünï" > /proc/1/fd/1'`);
      await machine.run(
        `docker run --rm ${nodes.registry}/${STAND_INS} echo '"com.docker.stack.namespace":"${name}" foreign'`,
      );
    }
    await expect.poll(() => containers('told by '), soon).toEqual(['api-1', 'api-2']);
    const told = await stored('told by ');
    expect(told.map(({ service, _msg }) => [service, _msg])).toEqual([
      ['api', 'told by ünï'],
      ['api', 'told by ünï'],
    ]);
    expect(await containers('database system is ready')).toEqual(['db-1']);
    expect(await stored(' foreign')).toEqual([]);

    // Each replica is measured once, and each node by its name; no alert says that nothing is shipped.
    await expect.poll(async () => (await query('up{job="api"} == 1')).length, soon).toBe(2);
    const named = async () =>
      (await query('node_uname_info and on (instance) up{job="node"} == 1')).map(
        ({ metric }) => metric.nodename,
      );
    const names = await nodes.manager.run("docker node ls --format '{{.Hostname}}'");
    await expect.poll(async () => (await named()).sort(), soon).toEqual(names.split('\n').sort());
    await expect
      .poll(async () => (await query('rate(vl_rows_ingested_total[15s]) > 0')).length, soon)
      .toBe(1);
    expect(await query('ALERTS{alertname="LogsNotShipped",alertstate="firing"}')).toEqual([]);
  }, 600_000);
});
