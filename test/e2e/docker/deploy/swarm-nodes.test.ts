import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { invctl } from '../../../support/cli.js';
import { withoutDocker } from '../../../support/docker.js';
import { atFullSize } from '../../../support/fault-counts.js';
import { type SwarmNodes, startSwarmNodes, whyNoSwarmNodes } from '../../../support/remote/swarm-nodes.js';

const reason = !atFullSize
  ? 'npm run test:faults runs it'
  : withoutDocker
    ? 'no Docker engine answers here'
    : whyNoSwarmNodes();
if (reason) console.warn(`skipped: a Swarm of two machines (${reason})`);

/** The API answers with its edition and with what it reads in the database; each node publishes its own. */
const COMPOSE = `name: NAME
services:
  db:
    image: REGISTRY/postgres:16
    environment: {POSTGRES_PASSWORD_FILE: /run/secrets/db_password, POSTGRES_DB: shop}
    secrets: [db_password]
    volumes: ["pgdata:/var/lib/postgresql/data"]
    healthcheck: {test: [CMD, pg_isready, -h, 127.0.0.1, -U, postgres], interval: 1s, retries: 30, start_period: 60s, start_interval: 300ms}
    restart: unless-stopped
    deploy: {endpoint_mode: dnsrr}
  api:
    build: ./api
    image: REGISTRY/NAME-api
    secrets: [db_password]
    init: true
    stop_grace_period: 1s
    ports: [{target: 5003, published: "5003", mode: host}]
    restart: unless-stopped
    deploy: {endpoint_mode: dnsrr, replicas: 2, update_config: {failure_action: rollback, monitor: 3s}}
volumes: {pgdata: {}}
secrets: {db_password: {file: ./secrets/db_password.txt}}
`;
const SERVES = `export PGPASSWORD=$(cat /run/secrets/db_password)
until psql -h db -U postgres -d shop -qAtc 'select 1'; do sleep 0.5; done
touch /tmp/ready
exec perl -MIO::Socket::INET -e '
my $server = IO::Socket::INET->new(LocalPort => 5003, Listen => 9, ReuseAddr => 1) or die $!;
while (my $client = $server->accept) {
  <$client>;
  my $rows = \`psql -h db -U postgres -d shop -qAtc "select count(*) from sold" 2>&1\`;
  print $client "HTTP/1.0 200 OK\\r\\n\\r\\nEDITION $rows";
  close $client;
}'`;
const BROKEN = "echo 'Error: getaddrinfo ENOTFOUND databse' >&2; exit 3";

const dockerfile = (script: string) =>
  `FROM postgres:16
RUN echo ${Buffer.from(script).toString('base64')} | base64 -d > /api.sh
HEALTHCHECK --interval=1s --retries=3 --start-period=60s --start-interval=300ms CMD test -e /tmp/ready
USER postgres
ENTRYPOINT ["bash", "/api.sh"]
`;

describe.skipIf(reason)('deploy swarm on two machines', () => {
  const name = `invctl-nodes-${randomBytes(4).toString('hex')}`;
  let nodes: SwarmNodes;
  let folder: string;

  beforeAll(async () => {
    nodes = await startSwarmNodes();
    folder = await mkdtemp(join(tmpdir(), 'invctl-nodes-'));
    const compose = COMPOSE.replaceAll('NAME', name).replaceAll('REGISTRY', nodes.registry);
    writeFileSync(join(folder, 'compose.yaml'), compose);
    for (const one of ['api', 'secrets']) mkdirSync(join(folder, one));
    writeFileSync(join(folder, 'secrets/db_password.txt'), randomBytes(12).toString('hex'));
    // The base image; no node has a way to a public registry.
    nodes.manager.load('postgres:16');
    const base = `${nodes.registry}/postgres:16`;
    await nodes.manager.run(`docker tag postgres:16 ${base} && docker push --quiet ${base}`);
  }, 900_000);

  afterAll(async () => {
    nodes?.remove();
    if (!folder) return;
    rmSync(folder, { recursive: true, force: true });
    rmSync(`${folder}-state`, { recursive: true, force: true });
  });

  const run = (args: readonly string[]) =>
    invctl(['--host', `ssh://root@${nodes.manager.address}`, ...args], {
      cwd: folder,
      env: { ...nodes.manager.env, INVCTL_STATE_DIR: `${folder}-state` },
    });
  async function json(...args: string[]) {
    const { code, stdout, stderr } = await run([...args, '--json']);
    const { data, error } = JSON.parse(stdout);
    return { code, data, error, stderr };
  }
  const manager = (command: string) => nodes.manager.run(command);
  /** The command that a refusal names, as it would be typed. */
  async function push(script: string): Promise<void> {
    writeFileSync(join(folder, 'api/Dockerfile'), dockerfile(script));
    const { code, stderr } = await run(['compose', '--', 'build', '--push', 'api']);
    expect([code, stderr]).toEqual([0, expect.anything()]);
  }
  const edition = (number: number) => push(SERVES.replace('EDITION', `edition ${number}, sold`));
  const answers = async () =>
    (
      await Promise.all(
        [nodes.manager, nodes.worker].map(({ address }) =>
          fetch(`http://${address}:5003/`).then((response) => response.text(), String),
        ),
      )
    ).map((text) => text.trim());
  /** A task is healthy before its program listens. */
  const bothAnswer = (text: string) =>
    until(async () => (await answers()).every((answer) => answer === text), `both answer: ${text}`);
  /** The nodes of the tasks that run. */
  const placed = async (service: string) =>
    (
      await manager(
        `docker service ps --filter desired-state=running --format '{{.Node}}' ${name}_${service}`,
      )
    )
      .split('\n')
      .sort();
  async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
    for (const end = Date.now() + 90_000; !(await holds().catch(() => false)); ) {
      if (Date.now() > end) throw new Error(`it did not come about: ${what}`);
      await delay(500);
    }
  }

  it('goes out to both, goes back whole, and never starts a database without its data', async () => {
    const first = nodes.manager.name;
    const second = nodes.worker.name;
    const unnamed = await json('deploy', 'swarm', '--dry-run');
    expect([unnamed.code, unnamed.error.nodes]).toEqual([7, [first, second]]);
    const unbuilt = await json('deploy', 'swarm', '--node', first);
    expect(unbuilt.error).toMatchObject({
      code: 'IMAGE_NOT_IN_REGISTRY',
      hint: expect.stringContaining('compose -- build --push api'),
    });

    await edition(1);
    const deployed = await json('deploy', 'swarm', '--node', first);
    expect(deployed.error).toBeUndefined();
    for (const { pinned } of deployed.data.images) expect(pinned).toMatch(/@sha256:[0-9a-f]{64}$/);
    expect([await placed('api'), await placed('db')]).toEqual([[first, second].sort(), [first]]);
    const sql = `docker exec $(docker ps -qf name=${name}_db) psql -U postgres -d shop -c`;
    await manager(`${sql} 'CREATE TABLE sold AS SELECT generate_series(1, 3) AS id'`);
    // That of the worker reads the database over the overlay network.
    await bothAnswer('edition 1, sold 3');

    const { data: status } = await json('status');
    expect(status.services.map((one: { replicas: object }) => one.replicas)).toEqual([
      { ready: 2, wanted: 2 },
      { ready: 1, wanted: 1 },
    ]);
    expect(status.database).toMatchObject({ reachable: true, name: 'shop' });
    expect((await run(['logs', 'api'])).stderr).toContain(`service logs ${name}_api`);
    const { data: judged } = await json('doctor', '--production');
    const outcome = judged.checks.find(({ id }: { id: string }) => id === 'prod.orchestration');
    expect(outcome.outcome).toBe('pass');
    expect((await json('db', 'backup', '--deployed')).error).toBeUndefined();

    await push(BROKEN);
    const broken = await json('deploy', 'swarm');
    expect([broken.code, broken.error.state]).toEqual([6, 'back']);
    expect(broken.error.message).toContain('the host name "databse" is not known in its network');
    await bothAnswer('edition 1, sold 3');

    await edition(2);
    await nodes.registryForWorker(false);
    const unpulled = await json('deploy', 'swarm');
    expect([unpulled.code, unpulled.error.state]).toEqual([6, 'back']);
    expect(unpulled.error.message).toContain(`the node ${second} cannot pull the image ${nodes.registry}/`);
    expect(unpulled.error.hint).toContain(`ssh ${second} docker pull ${nodes.registry}/`);
    await bothAnswer('edition 1, sold 3');
    await nodes.registryForWorker(true);
    expect((await json('deploy', 'swarm')).error).toBeUndefined();
    await bothAnswer('edition 2, sold 3');

    const before = readFileSync(join(folder, 'secrets/db_password.txt'), 'utf8');
    const rotated = await json('secrets', 'rotate', '--swarm');
    expect([rotated.error, rotated.stderr]).toEqual([undefined, expect.not.stringContaining('health check')]);
    expect(readFileSync(join(folder, 'secrets/db_password.txt'), 'utf8')).not.toBe(before);
    await bothAnswer('edition 2, sold 3');

    // The worker goes away in the middle of an update.
    await edition(3);
    const cut = json('deploy', 'swarm', '--timeout', '60');
    await until(async () => /updating/.test(await updateOf('api')), 'the update begins');
    await nodes.killWorker();
    const lost = await cut;
    expect([lost.code, lost.error?.code]).toEqual([6, 'DEPLOY_FAILED']);
    expect(lost.error.message).toContain(`the node ${second} is down`);
    await nodes.startWorker();
    await until(async () => (await placed('api')).length === 2, 'the worker is back');

    // The node with the data goes away: nobody else gets an empty database.
    await manager(`docker node update --availability drain ${first}`);
    const drained = await json('deploy', 'swarm');
    expect(drained.error).toMatchObject({
      code: 'DATA_NODE_AWAY',
      message: expect.stringContaining(`its data is on the node ${first}, which is drained`),
      hint: expect.stringContaining(`node update --availability active ${first}`),
    });
    await until(
      async () =>
        (await json('ps')).data.deployed.problems.some((text: string) =>
          text.startsWith(`db waits for a node: its data is on the node ${first}, which is drained`),
        ),
      'ps says why the database waits',
    );
    await manager(`docker node update --availability active ${first}`);
    await manager(`docker node update --label-rm ${name}.pgdata ${first}`);
    const gone = await json('deploy', 'swarm');
    expect([gone.error.code, gone.error.hint]).toEqual([
      'DATA_NODE_AWAY',
      expect.stringContaining(`node update --label-add ${name}.pgdata=true NODE`),
    ]);
    expect(await nodes.worker.run('docker volume ls --quiet')).not.toContain('pgdata');
    await manager(`docker node update --label-add ${name}.pgdata=true ${first}`);
    await manager(`docker service update --detach --force ${name}_db`);
    await until(async () => (await json('deploy', 'swarm')).error === undefined, 'it is deployed again');
    await bothAnswer('edition 3, sold 3');
  }, 1_200_000);

  const updateOf = (service: string) =>
    manager(`docker service inspect ${name}_${service} --format '{{json .UpdateStatus}}'`);
});
