import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { atFullSize } from '../../../support/fault-counts.js';
import { killedAfterRename } from '../../../support/kill-at-step.js';
import { untilSafe } from '../../../support/protection/until.js';
import { schemaErrors } from '../../../support/schema.js';
import { shimDocker } from './fixture.js';
import { docker, startUpgradeProject, type UpgradeProject } from './upgrade-project.js';

describe.skipIf(withoutDocker)('db upgrade on Docker', () => {
  let project: UpgradeProject;
  let compose: string;

  beforeAll(() => {
    project = startUpgradeProject('upgrade');
    compose = readFileSync(project.composeFile, 'utf8');
    seedServer(project);
  });

  afterAll(() => project?.remove());

  beforeEach(() => project.noteState());

  const place = () => join(project.directory, 'backups', 'protection');

  /** Waits until all that was committed before this call can be brought back. Returns a moment of that time. */
  async function safe(): Promise<string> {
    const now = project.sql(
      `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS"Z"')`,
    );
    await untilSafe(() => project.succeed(['db', 'protect', 'status']));
    return now;
  }

  it('rehearses while the app goes on, and leaves nothing behind', async () => {
    const started = () =>
      docker('inspect', '--format', '{{.Id}} {{.State.StartedAt}}', `${project.name}-app-1`);
    const before = started();
    const result = await project.invctl(['db', 'upgrade', '--to', '17', '--rehearse', '--json']);
    expect(result.code, result.stdout).toBe(0);
    const document = JSON.parse(result.stdout);
    expect(schemaErrors('db-upgrade', document)).toEqual([]);
    expect(document.data).toMatchObject({ rehearsed: true, from: 16, to: 17, smokeTested: 'app' });
    expect(document.data.tables).toContainEqual({ name: 'public.movements', rows: 3000 });
    expect(document.data.diff).toContain('+    image: postgres:17');
    expect(result.stdout + result.stderr).not.toContain('seeded-marker');
    // Its health check's session is short.
    const warnings = document.warnings.filter((one: string) => !one.startsWith('"app" became healthy'));
    expect(warnings).toEqual([
      'the server also holds other (1 table); postgres (2 tables, 1 large object, 1 function, 1 event trigger); template1 (1 function): moved and compared like shop, but no backup of it is kept',
      expect.stringMatching(/^replication slots stay on the old server: standby\./),
      expect.stringMatching(/^settings of ALTER SYSTEM stay on the old server: work_mem\./),
      expect.stringMatching(/stay on the old volume: server\.key$/),
      expect.stringMatching(
        /: log_min_duration_statement, log_timezone, the rules of pg_hba\.conf, the maps of pg_ident\.conf\./,
      ),
    ]);
    expect(started()).toBe(before);
    expect(existsSync(join(project.directory, 'backups'))).toBe(false);
    project.nothingHasChanged();
  });

  it('asks first', () => project.fails(['--to', '17'], 'CONFIRMATION_NEEDED', 7));

  describe('refuses, before anything is done:', () => {
    it('the major that there is', () => project.fails(['--to', '16', '--yes'], 'SAME_MAJOR', 1));
    it('an older one', () => project.fails(['--to', '15', '--yes'], 'DOWNGRADE', 1));
    it('something else', () => project.fails(['--to', '17.2'], 'USAGE', 2));
    it('an image that is not here, without a word for the pull', () =>
      project.fails(['--to', '99'], 'CONFIRMATION_NEEDED', 7));
    it('an image that nobody has', async () => {
      expect((await project.fails(['--to', '99', '--yes'], 'IMAGE_NOT_PULLED', 1)).message).toContain(
        'postgres:99',
      );
    });

    it('a database to which nobody may connect', async () => {
      project.sql('ALTER DATABASE other ALLOW_CONNECTIONS false');
      project.noteState();
      expect((await project.fails(['--to', '17', '--yes'], 'OTHER_DATABASES', 1)).message).toContain('other');
      project.sql('ALTER DATABASE other ALLOW_CONNECTIONS true');
    });

    it.runIf(atFullSize)('a subscription, which must not be there twice', async () => {
      const none = `CONNECTION 'host=127.0.0.1' PUBLICATION p WITH (connect = false, slot_name = NONE)`;
      project.sql(`CREATE SUBSCRIPTION feed ${none}`, 'other');
      project.noteState();
      const { hint } = await project.fails(['--to', '17', '--yes'], 'SUBSCRIPTIONS', 1);
      expect(hint).toContain('ALTER SUBSCRIPTION feed DISABLE');
      project.sql('DROP SUBSCRIPTION feed', 'other');
    });

    it.runIf(atFullSize)('a tablespace', async () => {
      docker('exec', `${project.name}-db-1`, 'install', '-d', '-o', 'postgres', '/var/tmp/fast');
      project.sql(`CREATE TABLESPACE fast LOCATION '/var/tmp/fast'`);
      project.noteState();
      expect((await project.fails(['--to', '17', '--yes'], 'TABLESPACES', 1)).message).toContain('fast');
      project.sql('DROP TABLESPACE fast');
    });

    it.runIf(atFullSize)('a volume that is there already', async () => {
      const name = `${project.name}_pgdata_17`;
      docker('volume', 'create', name);
      try {
        project.noteState();
        expect((await project.fails(['--to', '17', '--yes'], 'VOLUME_EXISTS', 1)).message).toContain(name);
      } finally {
        docker('volume', 'rm', name);
      }
    });

    it('a disk without room', async () => {
      const env = shimDocker(
        project.directory,
        `case " $* " in *"df -Pk"*) echo "/dev/x 100000 99999 1 99% /"; exit;; esac\nexec "$REAL" "$@"`,
      );
      await project.fails(['--to', '17', '--yes'], 'DATABASE_DISK_FULL', 1, env);
    });

    it.runIf(atFullSize).each([
      ['an image with a variable', 'image: postgres:16', 'image: postgres:${PG:-16}'],
      [
        'a volume that another service has too',
        '    volumes: ["./flags:/flags:ro"]',
        '    volumes: ["pgdata:/flags:ro"]',
      ],
      ['a volume with a driver', 'volumes: {pgdata: {}}', 'volumes: {pgdata: {driver: local}}'],
    ])('%s', async (_, before, after) => {
      writeFileSync(
        project.composeFile,
        compose.replace(before, () => after),
      );
      try {
        project.noteState();
        await project.fails(['--to', '17', '--yes'], 'COMPOSE_NOT_EDITABLE', 1);
      } finally {
        writeFileSync(project.composeFile, compose);
      }
    });
  });

  it('upgrades: the same content, roles, grants and settings; the old volume stays until it is final', async () => {
    await project.succeed(['db', 'protect', 'on', '--yes']);
    const unprotected = compose;
    compose = readFileSync(project.composeFile, 'utf8');
    expect(compose).not.toBe(unprotected);
    const system = readFileSync(join(place(), 'system'), 'utf8').split('\n')[0];
    project.sql('CREATE TABLE before_the_upgrade AS SELECT 42 AS answer');
    const moment = await safe();
    const state = () => [project.fingerprint(), project.properties(), serverState(project)];
    const before = state();
    // Killed with the new file in place, and half of what was received moved, it goes on to its end.
    const killed = await project.invctl(['db', 'upgrade', '--to', '17', '--yes'], {
      env: killedAfterRename(`earlier/${system}/wal`),
    });
    expect(killed.code, killed.stderr).toBeNull();
    const { recovered } = await project.succeed(['recover']);
    expect(recovered).toMatchObject([{ step: 'up', outcome: 'finished' }]);
    expect(state()).toEqual(before);
    expect(project.sql(`SELECT current_setting('server_version_num')::int / 10000`)).toBe('17');
    expect(readFileSync(project.composeFile, 'utf8')).toBe(
      compose
        .replaceAll('image: postgres:16\n', 'image: postgres:17\n')
        .replace('["pgdata:', '["pgdata_17:')
        .replace('{pgdata: {}}', '{pgdata_17: {}}'),
    );
    await safe();
    expect(await project.succeed(['db', 'protect', 'status'])).toMatchObject({
      windows: [{}],
      earlier: [{ major: 16, windows: [{}] }],
    });
    project.sql('DELETE FROM before_the_upgrade');
    const then = ['db', 'restore', '--to', moment, '--yes', '--json'];
    const whole = JSON.parse((await project.invctl(then)).stdout);
    expect(whole.error).toMatchObject({
      code: 'TARGET_BEFORE_UPGRADE',
      message: expect.stringContaining('PostgreSQL 16'),
    });
    const { tables } = await project.succeed([...then, '--table', 'before_the_upgrade']);
    expect(project.sql(`SELECT answer FROM ${tables[0].into}`)).toBe('42');
    project.sql(`DROP TABLE ${tables[0].into}`);

    const [backup] = (await project.succeed(['db', 'list'])).backups;
    expect(backup).toMatchObject({ level: 3, manifest: { server: { major: 16 } } });
    const volumes = () =>
      docker('volume', 'ls', '--quiet', '--filter', `name=${project.name}_`).split('\n').sort();
    expect(volumes()).toEqual([`${project.name}_pgdata`, `${project.name}_pgdata_17`]);

    const finalize = ['db', 'upgrade', '--finalize', '--confirm', project.name, '--json'];
    const asked = await project.invctl(['db', 'upgrade', '--finalize', '--yes', '--json']);
    expect(asked.code).toBe(7);
    expect(volumes()).toHaveLength(2);
    const other = [
      'run',
      '--detach',
      '--volume',
      `${project.name}_pgdata:/x`,
      '--label',
      `com.docker.compose.project=${project.name}`,
    ];
    const user = docker(...other, '--label', 'com.docker.compose.service=old', 'postgres:17', 'sleep', '600');
    try {
      const inUse = await project.invctl(finalize);
      expect(JSON.parse(inUse.stdout).error).toMatchObject({ code: 'VOLUME_IN_USE' });
    } finally {
      docker('rm', '--force', '--volumes', user);
    }
    project.sql('ALTER TABLE left_here RENAME TO found_here', 'postgres');
    project.sql('DROP TABLE "Odd name"');
    const refused = await project.invctl(finalize);
    expect(JSON.parse(refused.stdout).error).toMatchObject({
      code: 'LEFT_BEHIND',
      message: expect.stringContaining('current server: public.left_here of postgres. Nothing'),
    });
    expect(JSON.parse(refused.stdout).warnings).toEqual([
      `in the volume ${project.name}_pgdata alone: public."Odd name" of shop`,
    ]);
    expect(volumes()).toHaveLength(2);
    project.sql('ALTER TABLE found_here RENAME TO left_here', 'postgres');
    const last = project.fingerprint();
    const final = await project.succeed(finalize);
    expect(final.removed).toEqual([`${project.name}_pgdata`]);
    expect(existsSync(`${final.backup}.manifest.json`)).toBe(true);
    expect(volumes()).toEqual([`${project.name}_pgdata_17`]);
    expect(existsSync(join(project.directory, '.invctl'))).toBe(false);
    expect(project.fingerprint()).toBe(last);
  });
});

/** What belongs to the server and not to the project's database. */
function seedServer({ name, sql }: UpgradeProject): void {
  sql(`CREATE ROLE keeper NOLOGIN; CREATE ROLE worker LOGIN CONNECTION LIMIT 7 VALID UNTIL '2030-01-01' PASSWORD 'seeded-marker-worker';
    GRANT keeper TO worker WITH ADMIN OPTION; ALTER ROLE worker SET work_mem TO '7MB';
    CREATE DATABASE other OWNER keeper TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' IS_TEMPLATE true;
    ALTER DATABASE other SET search_path TO one, "Two three"; ALTER ROLE worker IN DATABASE other SET work_mem TO '8MB';
    REVOKE CONNECT ON DATABASE other FROM PUBLIC; GRANT CONNECT ON DATABASE other TO worker WITH GRANT OPTION;
    ALTER SYSTEM SET work_mem = '9MB'; SELECT pg_create_physical_replication_slot('standby');`);
  sql(
    `CREATE TABLE left_here (id serial PRIMARY KEY, name text); INSERT INTO left_here (name) VALUES ('kept'), ('café');
    CREATE SCHEMA "Odd one"; CREATE UNLOGGED TABLE "Odd one".t (n int); INSERT INTO "Odd one".t VALUES (1);
    SELECT lo_from_bytea(4711, 'a large object');
    CREATE FUNCTION seen() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE DEBUG 'seen'; END $$;
    CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION seen();`,
    'postgres',
  );
  sql(`CREATE FUNCTION in_every_new_one() RETURNS int LANGUAGE sql AS 'SELECT 1'`, 'template1');
  sql(
    `CREATE TABLE public.orders (id bigint PRIMARY KEY, note text); INSERT INTO public.orders VALUES (1, 'été')`,
    'other',
  );
  docker(
    'exec',
    `${name}-db-1`,
    'sh',
    '-c',
    `cd "$PGDATA"; touch server.key; echo "host all worker 10.0.0.0/8 reject" >> pg_hba.conf
    printf 'log_timezone = Asia/Tokyo\nlog_min_duration_statement = 5s\n' >> postgresql.conf; echo 'team os1 worker' >> pg_ident.conf`,
  );
  sql('SELECT pg_reload_conf()');
}

function serverState({ sql }: UpgradeProject): string[] {
  const content = `SELECT n.nspname, relname, query_to_xml(format('SELECT * FROM %I.%I ORDER BY 1', n.nspname, relname), true, false, '')
      FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
     WHERE relkind = 'r' AND n.nspname !~ '^(pg_|information_schema)' ORDER BY 1, 2;
    SELECT schemaname, sequencename, last_value FROM pg_sequences;
    SELECT oid, convert_from(lo_get(oid), 'UTF8') FROM pg_largeobject_metadata; SELECT evtname, evtenabled FROM pg_event_trigger;
    SELECT proname FROM pg_proc WHERE oid >= 16384 ORDER BY 1;`;
  return [
    sql(`SELECT datname, pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datistemplate,
        array(SELECT unnest(datacl)::text ORDER BY 1) FROM pg_database WHERE datname <> 'shop' ORDER BY 1;
      SELECT datname, rolname, setconfig FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = setdatabase
        LEFT JOIN pg_roles r ON r.oid = setrole ORDER BY 1, 2;
      SELECT rolname, rolconnlimit, rolvaliduntil, rolpassword FROM pg_authid WHERE rolname !~ '^pg_' ORDER BY 1;
      SELECT roleid::regrole, member::regrole, admin_option FROM pg_auth_members WHERE member > 16383;`),
    ...['postgres', 'template1', 'other'].map((database) => sql(content, database)),
  ];
}
