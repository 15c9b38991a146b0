import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { createDockerProject, type DockerProject, docker } from '../../../support/docker-project.js';
import { CTRL_C, invctlOnTerminal } from '../../../support/terminal.js';

const MAJORS = [15, 16, 17, 18] as const;
/** Full size: as many tables as a server of many tenants has. */
const TABLES = process.env.FAULT_STEPS === 'all' ? 5000 : 200;

const COMPOSE = `name: NAME
services:
${MAJORS.map(
  (major) => `  pg${major}:
    image: postgres:${major}
    command: postgres -c max_prepared_transactions=2${major === 18 ? ' -c shared_preload_libraries=pg_stat_statements' : ''}
    environment: { POSTGRES_PASSWORD: k8Fj2-mQ9zLp0-vX7, POSTGRES_DB: shop, POSTGRES_USER: ann }
    healthcheck: { test: ["CMD", "pg_isready", "-h", "127.0.0.1"], interval: 30s, start_period: 2m, start_interval: 200ms }
`,
).join('')}`;

/** Names as people make them, and one that would move the cursor of a terminal. */
const UGLY = `
CREATE SCHEMA "of ""two""
lines";
CREATE TABLE "of ""two""
lines"."näme'\x1b[31m" (id serial PRIMARY KEY, note text);
CREATE TABLE item (id int PRIMARY KEY, name text);
INSERT INTO item SELECT i, 'item ' || i FROM generate_series(1, 60000) AS i;
CREATE INDEX item_name ON item (name);
CREATE INDEX item_name_id ON item (name, id);
CREATE TABLE line (id bigint, item_id int REFERENCES item, part_id int REFERENCES item);
CREATE INDEX line_part ON line (part_id) WHERE part_id IS NOT NULL;
INSERT INTO line SELECT i, i, i FROM generate_series(1, 20000) AS i;
CREATE TABLE unseen WITH (autovacuum_enabled = off) AS SELECT i, repeat('x', 500) AS filler FROM generate_series(1, 25000) AS i;
ANALYZE item, line;
DO $$ BEGIN FOR i IN 1..${TABLES} LOOP EXECUTE format('CREATE TABLE many_%s ()', i); END LOOP; END $$;`;

// biome-ignore lint/suspicious/noExplicitAny: rows are held to their schema by `json`.
type Row = Record<string, any>;

describe.skipIf(withoutDocker)('db inspect', () => {
  let project: DockerProject;
  const container = (major: number) => `${project.name}-pg${major}-1`;
  const psql = (major: number, ...sql: string[]) =>
    docker(
      ...['exec', container(major), 'psql', '-XAtq', '-U', 'ann', '-d', 'shop', '-v', 'ON_ERROR_STOP=1'],
      ...sql.flatMap((one) => ['-c', one]),
    );
  /** A session that says this and stays. */
  const stay = async (application: string, sql: string) => {
    const script = `(echo "$1"; sleep 900) | PGAPPNAME=${application} psql -XAtq -U ann -d shop >/dev/null 2>&1`;
    await docker('exec', '--detach', container(17), 'sh', '-c', script, 'sh', sql);
  };
  const until = async (condition: string) => {
    while ((await psql(17, condition)) !== 't') await new Promise((resolve) => setTimeout(resolve, 100));
  };
  const onServer = (major: number) =>
    project.write(
      'invctl.yaml',
      `services: { database: pg${major} }\ndoctor: { limits: { waitSeconds: 0 } }\n`,
    );
  const inspect = async (...args: string[]) => {
    const { code, document } = await project.json(['db', 'inspect', ...args]);
    expect(code).toBe(0);
    const sections: Row[] = document.data.sections;
    return {
      data: document.data,
      sections,
      rows: (id: string): Row[] => sections.find((one) => one.id === id)?.rows,
      findings: sections.flatMap(({ findings }) => findings.map(({ message }: Row) => message)),
    };
  };

  beforeAll(async () => {
    project = await createDockerProject(COMPOSE);
    await docker('compose', '--project-directory', project.folder, 'up', '--detach', '--wait');
    await psql(17, UGLY);
  });
  afterAll(async () => {
    await project.remove();
    expect(await project.leftovers()).toEqual([]);
  });

  it.each(MAJORS)('shows every section of PostgreSQL %i', async (major) => {
    await onServer(major);
    if (major === 18) await psql(18, 'CREATE EXTENSION pg_stat_statements');
    const { data, sections, findings, rows } = await inspect();
    expect(data.server).toMatchObject({ release: expect.stringMatching(`^${major}\\.`), seesAll: true });
    const missing = sections.filter(({ unavailable }) => unavailable !== undefined).map(({ id }) => id);
    expect(missing).toEqual(major === 18 ? [] : ['statements']);
    expect(rows('databases').map(({ name }) => name)).toContain('shop');
    if (major === 18) expect(rows('statements').length).toBeGreaterThan(0);
    if (major !== 17) expect(findings).toEqual([]);
  });

  it('sizes, doubled indexes and foreign keys; names of any kind, and nothing that moves the cursor', async () => {
    await onServer(17);
    const { rows, findings } = await inspect();
    const table = rows('tables').find(({ name }) => name.startsWith('näme'));
    expect(table).toMatchObject({ schema: 'of "two"\nlines', name: "näme'\x1b[31m" });
    const size = await psql(17, "SELECT pg_total_relation_size('item')");
    expect(rows('tables').find(({ name }) => name === 'item')?.bytes).toBe(Number(size));
    expect(rows('tables').find(({ name }) => name === 'unseen')?.rows).toBeNull();
    expect(rows('indexes').find(({ name }) => name === 'item_name')?.coveredBy).toBe('item_name_id');
    // A partial index over what is not null serves as well.
    expect(rows('foreign-keys').map(({ columns }) => columns)).toEqual(['item_id']);
    expect(findings).toEqual([
      'no ANALYZE has seen unseen: the planner guesses',
      'item_name of item is doubled: item_name_id begins with the same columns',
      'line has no index for "line_item_id_fkey": deleting from public.item reads all of it',
    ]);
    const { stdout } = await project.invctl(['db', 'inspect', '--rows', '50']);
    expect(stdout).toContain("näme'\\u001b[31m");
    expect(stdout).toContain('of "two"\\nlines');
    expect(stdout).not.toContain('\x1b');
  });

  it('waits for no lock, and names who blocks whom; the password of a statement is not shown', async () => {
    await stay('holder', 'BEGIN\\; LOCK TABLE item;');
    await until("SELECT count(*) > 0 FROM pg_locks WHERE relation = 'item'::regclass AND granted");
    await stay('waiter', `SELECT 'ALTER ROLE ann PASSWORD ''hidden-words''', count(*) FROM item;`);
    await until('SELECT count(*) > 0 FROM pg_locks WHERE NOT granted');
    const { rows, findings } = await inspect();
    expect(rows('tables').find(({ name }) => name === 'item')?.bytes).toBeGreaterThan(1_000_000);
    const [wait] = rows('locks');
    expect(wait).toMatchObject({
      relation: 'public.item',
      blockerState: 'idle in transaction',
      blockerWaits: false,
    });
    expect(rows('transactions').map(({ application }) => application)).toEqual(['holder', 'waiter']);
    expect(findings.join('\n')).toContain(
      `process ${wait?.blocker} (ann, idle in transaction) holds a lock of public.item that process ${wait?.pid} waits for`,
    );
    expect(JSON.stringify(rows('queries'))).not.toContain('hidden-words');
  });

  it('--watch draws anew on a terminal until Ctrl-C, and refuses elsewhere', async () => {
    const piped = await project.invctl(['db', 'inspect', '--watch']);
    expect([piped.code, piped.stdout]).toEqual([2, '']);
    const terminal = invctlOnTerminal(
      ['--engine', 'docker', 'db', 'inspect', '--watch', '--every', '0.2', '--section', 'locks'],
      { cwd: project.folder },
    );
    await terminal.waitFor('UTC, every 0.2 s');
    await terminal.waitFor('waits for');
    await psql(
      17,
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name IN ('holder', 'waiter')",
    );
    await terminal.waitFor('Nothing is dangerous');
    terminal.type(CTRL_C);
    expect(await terminal.ended).toBe(130);
  });

  it('another database, a section that is none, a database that is not there', async () => {
    const other = await inspect('--database', 'postgres', '--section', 'tables,sequences');
    expect(other.data.database).toBe('postgres');
    expect(other.sections.map(({ id }) => id)).toEqual(['tables', 'sequences']);
    const wrong = await project.json(['db', 'inspect', '--section', 'tabels']);
    expect([wrong.code, wrong.document.error.code]).toEqual([2, 'USAGE']);
    const absent = await project.json(['db', 'inspect', '--database', 'no such']);
    expect([absent.code, absent.document.error.code]).toEqual([1, 'DATABASE_MISSING']);
  });

  it('a role that sees little: what it cannot see is said, and nothing fails', async () => {
    await onServer(16);
    await psql(16, 'CREATE ROLE small LOGIN');
    const file = COMPOSE.replaceAll('NAME', project.name);
    await project.write('compose.yaml', file.replaceAll('POSTGRES_USER: ann', 'POSTGRES_USER: small'));
    const { data, sections } = await inspect();
    expect(data.server.seesAll).toBe(false);
    expect(sections.filter(({ unavailable }) => unavailable).map(({ id }) => id)).toEqual(['statements']);
    const { stdout } = await project.invctl(['db', 'inspect', '--section', 'queries']);
    await project.write('compose.yaml', file);
    expect(stdout).toContain('the role small is not a member of pg_monitor');
    expect(stdout).toContain(`invctl db psql -- -c 'GRANT pg_monitor TO "small"'`);
  });

  it('a replica, and a server that is down', async () => {
    await onServer(15);
    await docker('exec', '--user', 'postgres', container(15), 'sh', '-c', 'touch "$PGDATA/standby.signal"');
    await docker('restart', container(15));
    while ((await docker('inspect', '--format', '{{.State.Health.Status}}', container(15))) !== 'healthy') {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const { data, sections, findings } = await inspect();
    expect(data.server.replica).toBe(true);
    expect(sections.filter(({ unavailable }) => unavailable).map(({ id }) => id)).toEqual(['statements']);
    expect(findings).toEqual([]);
    await docker('stop', container(15));
    const { code, document } = await project.json(['db', 'inspect']);
    expect([code, document.error.code]).toEqual([1, 'SERVICE_NOT_RUNNING']);
  });
});
