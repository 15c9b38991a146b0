import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { invctl } from '../../../support/cli.js';
import { withoutDocker } from '../../../support/docker.js';
import { type OwnEngine, startOwnEngine, withoutOwnEngine } from '../../../support/export/own-engine.js';
import { atFullSize } from '../../../support/fault-counts.js';
import { killedAt } from '../../../support/kill-at-step.js';
import { type Kill, killsOf } from '../../../support/kills.js';
import { schemaErrors } from '../../../support/schema.js';

/** As `psql` would send it, with the final newline that an editor leaves. */
const PASSWORD = `s3cret-${randomBytes(9).toString('hex')}`;

/** The API of this stack is a shell that waits for its database, and is healthy once it was let in. */
const COMPOSE = `name: NAME
services:
  db:
    image: postgres:16
    environment: {POSTGRES_PASSWORD_FILE: /run/secrets/db_password, POSTGRES_DB: shop}
    secrets: [db_password]
    volumes: ["pgdata:/var/lib/postgresql/data"]
    healthcheck: {test: [CMD, pg_isready, -h, 127.0.0.1, -U, postgres], interval: 30s, start_period: 60s, start_interval: 300ms}
    restart: unless-stopped
    deploy: {endpoint_mode: dnsrr}
  api:
    build: ./api
    image: NAME-api
    environment: {DATABASE_HOST: db, API_KEY: "key-\${KEY_PART:-abcdef}"}
    secrets: [db_password]
    ports: ["127.0.0.1:5003:5003"]
    healthcheck: {test: [CMD, test, -e, /tmp/ready], interval: 1s, retries: 3, start_period: 60s, start_interval: 300ms}
    restart: unless-stopped
    deploy: {endpoint_mode: dnsrr, update_config: {order: start-first, failure_action: rollback, monitor: 3s}}
volumes: {pgdata: {}}
secrets: {db_password: {file: ./secrets/db_password.txt}}
`;
const WAITS = `until PGPASSWORD=$(cat /run/secrets/db_password) psql -h db -U postgres -d shop -c 'select 1'; do sleep 0.5; done
touch /tmp/ready; exec sleep 1d`;

/** A database of odd names in an encoding of its own. Its client exits where a table "broken" is. */
const DATABASE = `name: NAME
services:
  db:
    image: postgres:16
    environment: {POSTGRES_PASSWORD_FILE: /run/secrets/db_password, POSTGRES_USER: Chef, POSTGRES_DB: 'Shop "A" 1', POSTGRES_INITDB_ARGS: "--encoding=LATIN1 --locale=C"}
    secrets: [db_password]
    volumes: ["pgdata:/var/lib/postgresql/data"]
    healthcheck: {test: [CMD, pg_isready, -h, 127.0.0.1, -U, Chef], interval: 30s, start_period: 60s, start_interval: 300ms}
    restart: unless-stopped
    deploy: {endpoint_mode: dnsrr}
  api:
    image: postgres:16
    user: postgres
    environment: {PGHOST: db, PGUSER: Chef, PGDATABASE: 'Shop "A" 1'}
    entrypoint: [bash, -c]
    command: ['export PGPASSWORD=$$(cat /run/secrets/db_password); until psql -c "select 1"; do sleep 0.3; done; psql -c "table broken" && exit 3; touch /tmp/ready; exec sleep 1d']
    secrets: [db_password]
    depends_on: {db: {condition: service_healthy}}
    healthcheck: {test: [CMD, test, -e, /tmp/ready], interval: 1s, retries: 3, start_period: 60s, start_interval: 300ms}
    restart: unless-stopped
    stop_grace_period: 0s
    deploy: {endpoint_mode: dnsrr, update_config: {monitor: 500ms, failure_action: rollback}, rollback_config: {monitor: 100ms}}
volumes: {pgdata: {}}
secrets: {db_password: {file: ./secrets/db_password.txt}}
`;
const UGLY = `CREATE ROLE "Otto Owner";
CREATE ROLE app;
CREATE EXTENSION hstore;
CREATE SCHEMA "My Schema" AUTHORIZATION "Otto Owner";
SET ROLE "Otto Owner";
CREATE TABLE "My Schema"."Größen" ("Id" bigserial PRIMARY KEY, "Maß" text, more public.hstore);
INSERT INTO "My Schema"."Größen" ("Maß", more) SELECT 'größe ' || i, public.hstore('a', i::text) FROM generate_series(1, 2000) i;
RESET ROLE;
GRANT SELECT ON "My Schema"."Größen" TO app;
ALTER DATABASE "Shop ""A"" 1" SET work_mem = '9MB';
ALTER DATABASE "Shop ""A"" 1" CONNECTION LIMIT 40`;
/** Everything of it that a restore has to bring back, on one line. */
const CONTENT = `SELECT encode(sha256(convert_to(string_agg(t::text, ',' ORDER BY "Id"), 'UTF8')), 'hex') FROM "My Schema"."Größen" t;
SELECT tableowner, has_table_privilege('app', '"My Schema"."Größen"', 'SELECT'), to_regclass('broken') FROM pg_tables WHERE schemaname = 'My Schema';
SELECT datconnlimit, pg_encoding_to_char(encoding), current_setting('work_mem'), nspowner::regrole FROM pg_database, pg_namespace WHERE datname = current_database() AND nspname = 'My Schema'`;

const dockerfile = (script: string) =>
  `FROM postgres:16\nRUN echo ${Buffer.from(script).toString('base64')} | base64 -d > /api.sh\nUSER postgres\nENTRYPOINT ["bash", "/api.sh"]\n`;

/** Kills before and after each step of a rotation take their time. */
const FULL_MS = atFullSize ? 1_200_000 : 300_000;

const schemaOf = (args: readonly string[]) =>
  args
    .filter((word) => !word.startsWith('-'))
    .slice(0, 2)
    .join('-');

interface Stack {
  name: string;
  folder: string;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the shape that it asks for.
  run(...args: string[]): Promise<{ code: number | null; data: any; error: any; stderr: string }>;
  /** Runs it until it is killed there. */
  killed(kill: Kill, ...args: string[]): Promise<void>;
}

describe.skipIf(withoutDocker || withoutOwnEngine)('deploy swarm', () => {
  let engine: OwnEngine;
  const folders: string[] = [];

  async function stack(compose: string): Promise<Stack> {
    const name = `invctl-e2e-${randomBytes(4).toString('hex')}`;
    const folder = await mkdtemp(join(tmpdir(), 'invctl-swarm-'));
    folders.push(folder);
    writeFileSync(join(folder, 'compose.yaml'), compose.replaceAll('NAME', name));
    mkdirSync(join(folder, 'secrets'));
    writeFileSync(join(folder, 'secrets/db_password.txt'), `${PASSWORD}\n`);
    return {
      name,
      folder,
      async killed([step, when], ...args) {
        const env = {
          DOCKER_HOST: engine.host,
          INVCTL_STATE_DIR: `${folder}-state`,
          ...killedAt(step, when),
        };
        const { code, stderr } = await invctl(args, { cwd: folder, env });
        expect([step, when, code, stderr]).toEqual([step, when, null, expect.any(String)]);
      },
      async run(...args) {
        const { code, stdout, stderr } = await invctl([...args, '--json'], {
          cwd: folder,
          env: { DOCKER_HOST: engine.host, INVCTL_STATE_DIR: `${folder}-state` },
        });
        const document = JSON.parse(stdout);
        if (document.ok) expect(schemaErrors(schemaOf(args), document)).toEqual([]);
        for (const text of [stdout, stderr]) expect(text).not.toContain(PASSWORD);
        return { code, data: document.data, error: document.error, stderr };
      },
    };
  }

  const inService = (service: string, ...command: string[]) =>
    engine
      .docker('ps', '--quiet', '--filter', `label=com.docker.swarm.service.name=${service}`)
      .then((ids) => engine.docker('exec', ids.split('\n')[0] ?? '', ...command));
  const left = async (kind: 'service' | 'secret', name: string) =>
    (await engine.docker(kind, 'ls', '--format', '{{.Name}}'))
      .split('\n')
      .filter((one) => one.startsWith(name))
      .sort();

  beforeAll(async () => {
    engine = await startOwnEngine();
    engine.load('postgres:16');
    const { code, error } = await (await stack(COMPOSE)).run('deploy', 'swarm');
    expect([code, error.code]).toEqual([3, 'SWARM_ABSENT']);
    await engine.docker('swarm', 'init', '--advertise-addr', '127.0.0.1');
  });

  afterAll(async () => {
    await engine?.remove();
    for (const folder of folders) {
      rmSync(folder, { recursive: true, force: true });
      rmSync(`${folder}-state`, { recursive: true, force: true });
    }
  });

  it(
    'goes out, follows a rebuilt image, goes back from a broken one, and rotates its password',
    async () => {
      const shop = await stack(COMPOSE);
      const { name, folder, run } = shop;
      const api = (script: string) => writeFileSync(join(folder, 'api/Dockerfile'), dockerfile(script));
      mkdirSync(join(folder, 'api'));
      api(WAITS);

      const dry = await run('deploy', 'swarm', '--dry-run');
      expect(dry.data.services.map(({ action }: { action: string }) => action)).toEqual(['create', 'create']);
      expect([await left('service', name), await left('secret', name)]).toEqual([[], []]);

      const first = await run('deploy', 'swarm', '--verbose');
      expect([first.code, first.stderr]).toEqual([0, expect.stringContaining('secret create')]);
      // Its bytes as they are, and never in an argument vector.
      expect(await inService(`${name}_api`, 'cat', '/run/secrets/db_password')).toBe(PASSWORD);
      expect(await left('secret', name)).toEqual([`${name}_db_password_v1`]);
      // The port of the loopback interface is not open, and the data has its node.
      const ports = await engine.docker(
        'service',
        'inspect',
        `${name}_api`,
        '--format',
        '{{json .Endpoint.Ports}}',
      );
      expect(ports).toBe('null');
      const labels = await engine.docker('node', 'inspect', 'self', '--format', '{{json .Spec.Labels}}');
      expect(JSON.parse(labels)).toEqual({ [`${name}.pgdata`]: 'true' });

      // Seen by the commands for a project of this engine, with its database.
      const replicas = { ready: 1, wanted: 1 };
      const { data: status } = await run('status');
      expect(status.deployed).toEqual({
        orchestrator: 'swarm',
        place: `the stack "${name}"`,
        problems: [],
      });
      const row = (service: string) => ({
        name: service,
        state: 'running',
        health: 'healthy',
        replicas,
        logs: `docker service logs ${name}_${service}`,
      });
      expect(status.services).toHaveLength(2);
      for (const service of ['api', 'db']) {
        expect(status.services).toContainEqual(expect.objectContaining(row(service)));
      }
      expect(status.database).toMatchObject({ reachable: true, name: 'shop', user: 'postgres' });
      const plain = { cwd: folder, env: { DOCKER_HOST: engine.host } };
      expect((await invctl(['ps'], plain)).stdout).toMatch(
        new RegExp(
          `^${name} is deployed in the stack "${name}"\n[^]*api +running +1/1 +docker service logs `,
        ),
      );
      const logs = await invctl(['logs', 'api'], plain);
      expect([logs.code, logs.stderr]).toEqual([
        0,
        expect.stringContaining(`docker service logs ${name}_api`),
      ]);
      expect(logs.stderr).not.toContain(`${name}_db`);

      // The checklist, by what runs; a backup of the database there makes its item green.
      const items = async () => {
        const { data } = await run('doctor', '--production');
        expect(data.deployed).toEqual({ orchestrator: 'swarm', place: `the stack "${name}"` });
        // The volume of the stack is that of the project.
        expect(data.rootCauses).not.toContain('vol.foreign');
        const found = data.checks.filter(({ id }: { id: string }) => id.startsWith('prod.'));
        return Object.fromEntries(
          found.map(
            ({ id, outcome, findings }: { id: string; outcome: string; findings: { next: string }[] }) => [
              id.slice(5),
              [outcome, ...findings.map(({ next }) => next)],
            ],
          ),
        );
      };
      const judged = await items();
      expect(judged).toMatchObject({
        'dev-config': ['pass'],
        restart: ['pass'],
        healthchecks: ['pass'],
        orchestration: ['pass'],
        monitoring: ['unknown'],
        backups: ['fail', 'invctl db backup --deployed'],
      });
      expect(judged.limits).toHaveLength(3);
      for (const id of ['limits', 'logs', 'env-files', 'secrets-manager']) {
        for (const next of judged[id].slice(1)) expect(next).toContain(', then: invctl deploy swarm');
      }
      expect((await run('db', 'backup', '--deployed')).error).toBeUndefined();
      expect((await run('down')).stderr).toContain(
        `still runs in the Swarm; end it, and keep its volumes: docker stack rm ${name}`,
      );
      if (atFullSize) {
        await engine.docker('service', 'update', '--detach', '--limit-memory', '1g', `${name}_api`);
        const after = await items();
        expect([after.backups, after.limits.length]).toEqual([['pass'], 2]);
        await run('deploy', 'swarm');
      }

      const task = () =>
        engine.docker('service', 'ps', '--quiet', '--filter', 'desired-state=running', `${name}_api`);
      const before = await task();
      const again = await run('deploy', 'swarm');
      expect(again.data.services.map(({ action }: { action: string }) => action)).toEqual([
        'unchanged',
        'unchanged',
      ]);
      expect(await task()).toBe(before);

      // Another content under the same name.
      api(`echo second > /tmp/version\n${WAITS}`);
      const second = await run('deploy', 'swarm');
      expect(second.data.services).toEqual([
        { service: 'db', action: 'unchanged', changes: [] },
        { service: 'api', action: 'update', changes: [`image ${name}-api`] },
      ]);
      expect(await inService(`${name}_api`, 'cat', '/tmp/version')).toBe('second');

      // A broken one, with a secret that changes along with it.
      api(`echo 'Error: getaddrinfo ENOTFOUND databse' >&2; exit 3`);
      writeFileSync(join(folder, 'secrets/other.txt'), 'x');
      const file = join(folder, 'compose.yaml');
      const text = readFileSync(file, 'utf8');
      writeFileSync(
        file,
        text
          .replace('secrets: {db_password:', 'secrets: {other: {file: ./secrets/other.txt}, db_password:')
          .replace(/secrets: \[db_password\]\n {4}ports/, 'secrets: [db_password, other]\n    ports'),
      );
      const broken = await run('deploy', 'swarm');
      expect([broken.code, broken.error.code]).toEqual([6, 'DEPLOY_FAILED']);
      expect(broken.error.message).toContain('"api": it went back to the version before');
      expect(broken.error.message).toContain('the host name "databse" is not known in its network');
      expect(broken.error.state).toBe('back');
      expect(await inService(`${name}_api`, 'cat', '/tmp/version')).toBe('second');
      expect(await left('secret', name)).toEqual([`${name}_db_password_v1`]);

      writeFileSync(file, text);
      // With the images that run: the newest on the engine is the broken one.
      const rotated = await run('secrets', 'rotate', '--swarm');
      expect([rotated.error, rotated.data?.recreated]).toEqual([undefined, ['api']]);
      expect(await inService(`${name}_api`, 'cat', '/tmp/version')).toBe('second');
      const now = readFileSync(join(folder, 'secrets/db_password.txt'), 'utf8');
      expect(now.trim()).not.toBe(PASSWORD);
      expect(await inService(`${name}_api`, 'cat', '/run/secrets/db_password')).toBe(now.trim());
      expect(await left('secret', name)).toEqual([`${name}_db_password_v1`, `${name}_db_password_v2`]);

      // Killed in between: the role, the file and the stack agree again. At its last step it is finished.
      const password = () => readFileSync(join(folder, 'secrets/db_password.txt'), 'utf8').trim();
      for (const kill of atFullSize ? killsOf('secrets rotate') : []) {
        const old = password();
        await shop.killed(kill, 'secrets', 'rotate', '--swarm');
        const { data } = await run('recover');
        const finished = ['recreate', 'prove', 'clean'].includes(kill[2] ?? '');
        expect([kill, data.recovered.map(({ outcome }: { outcome: string }) => outcome)]).toEqual([
          kill,
          kill[2] === undefined ? [] : [finished ? 'finished' : 'reverted'],
        ]);
        expect([kill, password() !== old]).toEqual([kill, finished]);
        expect(await inService(`${name}_api`, 'cat', '/run/secrets/db_password')).toBe(password());
        const login =
          'PGPASSWORD=$(cat /run/secrets/db_password) psql -h db -U postgres -d shop -tc "select 1"';
        expect(await inService(`${name}_api`, 'bash', '-c', login)).toBe('1');
      }

      await engine.docker('stack', 'rm', name);
    },
    FULL_MS,
  );

  it.runIf(atFullSize)('is finished or taken back where it was killed', async () => {
    const shop = await stack(`name: NAME
services:
  api: {image: postgres:16, command: [sleep, 1d], environment: {EDITION: "0"}, secrets: [db_password], healthcheck: {test: [CMD, "true"], interval: 1s, start_interval: 200ms, start_period: 30s}, stop_grace_period: 0s, deploy: {endpoint_mode: dnsrr, update_config: {monitor: 500ms}, rollback_config: {monitor: 500ms}}}
secrets: {db_password: {file: ./secrets/db_password.txt}}
`);
    const { name, folder, run } = shop;
    const file = join(folder, 'compose.yaml');
    let edition = 0;
    const edit = () => {
      edition += 1;
      writeFileSync(file, readFileSync(file, 'utf8').replace(/EDITION: "\d+"/, `EDITION: "${edition}"`));
      writeFileSync(join(folder, 'secrets/db_password.txt'), `${PASSWORD}-${edition}`);
    };
    const running = async () =>
      Number(
        await engine
          .docker(
            'service',
            'inspect',
            `${name}_api`,
            '--format',
            '{{index .Spec.TaskTemplate.ContainerSpec.Env 0}}',
          )
          .then((text) => text.replace('EDITION=', '')),
      );
    const made = () => left('secret', name);

    if (atFullSize) {
      // Nothing was there before: nothing is left.
      await shop.killed(['wait', 'before', 'apply'], 'deploy', 'swarm');
      expect((await run('recover')).data.recovered[0].outcome).toBe('reverted');
      expect([await left('service', name), await made()]).toEqual([[], []]);
    }
    expect((await run('deploy', 'swarm')).error).toBeUndefined();

    const kills = killsOf('deploy swarm');
    const usual = kills.filter(([step, when]) => step !== 'apply' && when === 'before');
    // Applied and not noted; rolled out and not noted.
    for (const kill of atFullSize ? kills : usual) {
      const [before, secrets] = [await running(), await made()];
      edit();
      await shop.killed(kill, 'deploy', 'swarm');
      const { data } = await run('recover');
      const [, , noted] = kill;
      const outcome = noted === undefined ? [] : [noted === 'apply' ? 'reverted' : 'finished'];
      expect([kill, data.recovered.map((one: { outcome: string }) => one.outcome)]).toEqual([kill, outcome]);
      const isBack = noted === undefined || noted === 'apply';
      expect([kill, await running()]).toEqual([kill, isBack ? before : edition]);
      if (isBack) expect(await made()).toEqual(secrets);
    }

    if (!atFullSize) return;
    // The next deployment does it by itself: a version that never gets healthy is taken back first.
    const healthy = readFileSync(file, 'utf8');
    writeFileSync(
      file,
      healthy.replace('[CMD, "true"]', '[CMD, "false"]').replace('start_period: 30s', 'retries: 1'),
    );
    const good = await running();
    await shop.killed(['wait', 'after', 'wait'], 'deploy', 'swarm', '--timeout', '15');
    expect((await run('deploy', 'swarm', '--dry-run')).error.code).toBe('UNFINISHED_OPERATION');
    writeFileSync(file, healthy.replace(/EDITION: "\d+"/, 'EDITION: "100"'));
    const next = await run('deploy', 'swarm');
    expect([next.error, next.stderr]).toEqual([
      undefined,
      expect.stringMatching(/a deployment of .* was cut off, and is reverted now: Every service is back/),
    ]);
    expect([good < 100, await running()]).toEqual([true, 100]);
    await engine.docker('stack', 'rm', name);
  });

  it('leaves nothing of a stack that never ran, and says what was in the way', async () => {
    const { name, run } = await stack(`name: NAME
services:
  api:
    image: postgres:16
    command: [sleep, 1d]
    volumes: ["/no/such/path:/data"]
    secrets: [db_password]
    deploy: {endpoint_mode: dnsrr}
secrets: {db_password: {file: ./secrets/db_password.txt}}
`);
    const { code, error } = await run('deploy', 'swarm');
    expect([code, error.code, error.state]).toEqual([6, 'DEPLOY_FAILED', 'removed']);
    expect(error.message).toContain('the node has no /no/such/path: Swarm carries no files');
    expect([await left('service', name), await left('secret', name)]).toEqual([[], []]);
  });

  it('waits for what is still being removed, and names what does not end', async () => {
    const { name, folder, run } = await stack(`name: NAME
services:
  slow:
    image: postgres:16
    entrypoint: [bash, -c, 'trap "" TERM; while :; do sleep 0.2; done']
    volumes: ["data:/data"]
    stop_grace_period: 6s
    healthcheck: {test: [CMD, "true"], interval: 30s, start_period: 30s, start_interval: 300ms}
    deploy: {endpoint_mode: dnsrr}
volumes: {data: {}}
`);
    const running = async () => {
      const ids = await engine.docker('ps', '--quiet', '--filter', `volume=${name}_data`);
      return ids.split('\n').filter(Boolean).length;
    };
    expect((await run('deploy', 'swarm')).error).toBeUndefined();
    await engine.docker('stack', 'rm', name);
    const early = await run('deploy', 'swarm', '--timeout', '1');
    expect([early.code, early.error]).toMatchObject([
      6,
      {
        code: 'STACK_BEING_REMOVED',
        message: expect.stringContaining(`the stack "${name}" is still being removed: after 1 s, 1 of its`),
        hint: expect.stringContaining(`docker ps --filter label=com.docker.stack.namespace=${name}`),
      },
    ]);
    expect(await left('service', name)).toEqual([]);
    const { error } = await run('deploy', 'swarm');
    expect([error, await running()]).toEqual([undefined, 1]);

    // A service that was taken away alone has its data too.
    await engine.docker('service', 'rm', `${name}_slow`);
    const again = await run('deploy', 'swarm');
    expect([again.error, await running()]).toEqual([undefined, 1]);

    const file = join(folder, 'compose.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace('{endpoint', '{mode: global, endpoint'));
    const fixed = await run('deploy', 'swarm');
    expect(fixed.error).toMatchObject({
      code: 'MODE_FIXED',
      hint: expect.stringContaining(`docker service rm ${name}_slow && invctl deploy swarm`),
    });
    await engine.docker('stack', 'rm', name);
  });

  it('refuses what would harm or never run, before it changes anything', async () => {
    const { name, folder, run } = await stack(
      COMPOSE.replace('build: ./api\n    image: NAME-api', 'image: postgres:16'),
    );
    const refused = async (...args: string[]) => (await run('deploy', 'swarm', ...args)).error?.code;
    expect(await refused('--node', 'nobody')).toBe('NODE_UNKNOWN');
    writeFileSync(join(folder, 'secrets/db_password.txt'), '');
    expect(await refused()).toBe('SECRET_EMPTY');
    rmSync(join(folder, 'secrets/db_password.txt'));
    expect(await refused()).toBe('SECRET_MISSING');
    writeFileSync(join(folder, 'secrets/db_password.txt'), PASSWORD);
    const file = join(folder, 'compose.yaml');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replaceAll('postgres:16', 'registry.invalid/nothing:1'));
    expect(await refused('--no-build')).toBe('IMAGE_MISSING');
    const other = join(folder, 'other');
    mkdirSync(other);
    writeFileSync(join(other, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
    const platform =
      (await engine.docker('version', '--format', '{{.Server.Arch}}')) === 'arm64' ? 'amd64' : 'arm64';
    await engine.docker(
      'build',
      '--quiet',
      '--platform',
      `linux/${platform}`,
      '--tag',
      `${name}-other`,
      other,
    );
    writeFileSync(file, text.replaceAll('postgres:16', `${name}-other`));
    expect(await refused()).toBe('IMAGE_PLATFORM');
    writeFileSync(file, text);
    await engine.docker(
      'run',
      '--detach',
      '--label',
      `com.docker.compose.project=${name}`,
      '--label',
      'com.docker.compose.service=db',
      '--label',
      'com.docker.compose.oneoff=False',
      '--network=none',
      'postgres:16',
      'sleep',
      '1d',
    );
    expect(await refused()).toBe('COMPOSE_RUNNING');
    expect([await left('service', name), await left('secret', name)]).toEqual([[], []]);
  });

  it('has its database restored beside the live one, taken back, and whole where that was killed', async () => {
    const shop = await stack(DATABASE);
    const { name, run } = shop;
    expect((await run('deploy', 'swarm')).error).toBeUndefined();
    const psql = (sql: string, database = 'Shop "A" 1') =>
      inService(
        `${name}_db`,
        ...['psql', '--username=Chef', `--dbname=${database}`, '-XqAt', '--set=ON_ERROR_STOP=1'],
        ...["SET client_encoding = 'UTF8'", ...sql.split(';\n')].flatMap((statement) => [
          '--command',
          statement,
        ]),
      );
    const kept = async () =>
      (
        await psql(`SELECT datname FROM pg_database WHERE datname LIKE 'Shop "A" 1\\__%'`, 'postgres')
      ).replaceAll(/\d{8}t\d{6}z/g, 'TIME');
    await psql(UGLY);
    const seeded = await psql(CONTENT);
    const { data: taken } = await run('db', 'backup', '--deployed', '--level', '2');
    expect(taken.manifest.database.encoding).toBe('LATIN1');
    const { data: listed } = await run('db', 'list', '--deployed');
    expect(listed.backups.map(({ file }: { file: string }) => file)).toEqual([taken.file]);
    const verified = await run('db', 'verify', taken.file, '--deployed', '--level', atFullSize ? '2' : '0');
    expect(verified.error).toBeUndefined();
    expect((await run('db', 'prune', '--deployed')).data).toMatchObject({ removed: [] });
    const { data: inspected } = await run('db', 'inspect', '--deployed');
    expect(inspected.database).toBe('Shop "A" 1');

    await psql('DELETE FROM "My Schema"."Größen" WHERE "Id" % 3 = 0;\nCREATE TABLE broken ()');
    const live = await psql(CONTENT);
    expect(live).not.toBe(seeded);
    const restoring = ['db', 'restore', taken.file, '--deployed', '--yes'];
    expect((await run('db', 'restore', taken.file, '--yes')).error).toMatchObject({
      code: 'SERVICE_NOT_RUNNING',
      hint: 'the same command with --deployed',
    });

    const kills = killsOf('db restore').filter(([, , noted]) => noted !== undefined);
    // Loading; after the swap, nothing tells of it.
    const usual = kills.filter(([step, when]) => step === 'load' && when === 'after');
    for (const kill of atFullSize ? kills : usual) {
      await shop.killed(kill, ...restoring);
      expect((await run('db', 'backup', '--deployed')).error.code).toBe('UNFINISHED_OPERATION');
      const finished = kill[0] === 'restart';
      expect([kill, await psql(CONTENT)]).toEqual([kill, finished ? seeded : live]);
      const { data } = await run('recover');
      expect([kill, data.recovered]).toMatchObject([kill, [{ outcome: finished ? 'finished' : 'reverted' }]]);
      expect([kill, await psql(CONTENT)]).toEqual([kill, finished ? seeded : live]);
      expect([kill, await kept()]).toEqual([kill, finished ? 'Shop "A" 1_before_TIME' : '']);
      if (!finished) continue;
      // What it is started on is not its database: the Swarm takes the start back, and says it was one.
      const undone = await run('db', 'restore', '--undo', '--deployed', '--yes');
      expect([undone.code, undone.error.code]).toEqual([6, 'NOT_HEALTHY']);
      expect(undone.error.hint).toBe(
        `docker stack ps --no-trunc ${name}, or go back: invctl db restore --deployed --undo`,
      );
      expect(await psql(CONTENT)).toBe(live);
      expect((await run('recover')).data.recovered).toEqual([]);
      const forgotten = await run('db', 'restore', '--forget', '--deployed', '--confirm', name);
      expect(forgotten.data.forgotten).toHaveLength(1);
    }

    const restored = await run(...restoring);
    expect(restored.error).toBeUndefined();
    expect(restored.data).toMatchObject({
      restored: 'Shop "A" 1',
      restarted: ['api'],
      rows: expect.arrayContaining([{ table: '"My Schema"."Größen"', before: 1334, after: 2000 }]),
    });
    expect([await psql(CONTENT), await kept()]).toEqual([seeded, 'Shop "A" 1_before_TIME']);
    await engine.docker('stack', 'rm', name);
  }, 180_000);

  it('says that the Swarm goes on when the engine goes away', async () => {
    const { name, run } = await stack(`name: NAME
services:
  api: {image: postgres:16, command: [sleep, 1d], healthcheck: {test: [CMD, test, -e, /tmp/go], start_period: 5m, interval: 1s}, restart: always, deploy: {endpoint_mode: dnsrr}}
`);
    const running = run('deploy', 'swarm');
    for (let i = 0; i < 300 && !(await left('service', name)).length; i += 1) await delay(100);
    await engine.kill();
    const { code, error } = await running;
    expect([code, error.code]).toEqual([3, 'ENGINE_UNREACHABLE']);
    expect(error.message).toContain(`the orchestrator stopped answering while "${name}" was being deployed`);
  });
});
