import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { atFullSize } from '../../../support/fault-counts.js';
import { type DatabaseProject, seedShop, startDatabaseProject } from './fixture.js';

/** All that a project can set against a session, of its database, its role, and its role in its database. */
const TRAPS = `
  CREATE ROLE reader; CREATE SCHEMA hostile; GRANT USAGE ON SCHEMA hostile TO reader;
  CREATE FUNCTION hostile.format(text, name, name) RETURNS text LANGUAGE sql AS $$ SELECT 'hostile' $$;
  CREATE FUNCTION hostile.current_database() RETURNS name LANGUAGE sql AS $$ SELECT 'hostile'::name $$;
  CREATE TABLE logins (who text, program text, at timestamptz DEFAULT clock_timestamp());
  CREATE FUNCTION note_login() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    IF current_setting('transaction_read_only') = 'off' THEN
      INSERT INTO public.logins VALUES (session_user, current_setting('application_name'));
    END IF; END $$;
  CREATE EVENT TRIGGER every_login ON login EXECUTE FUNCTION note_login();
  ALTER EVENT TRIGGER every_login ENABLE ALWAYS;
  CREATE TABLE nulls (list text[]); INSERT INTO nulls VALUES ('{NULL,"NULL"}');
  CREATE VIEW never AS SELECT list = NULL AS unknown FROM nulls;
  CREATE TABLE notes (id serial PRIMARY KEY, secret boolean DEFAULT false);
  INSERT INTO notes (secret) VALUES (true), (false);
  ALTER TABLE notes ENABLE ROW LEVEL SECURITY; ALTER TABLE notes FORCE ROW LEVEL SECURITY;
  CREATE POLICY open_ones ON notes USING (NOT secret);
  ALTER DATABASE shop SET statement_timeout = '20ms';
  ALTER DATABASE shop SET lock_timeout = '1ms';
  ALTER DATABASE shop SET idle_session_timeout = '200ms';
  ALTER DATABASE shop SET idle_in_transaction_session_timeout = '100ms';
  ALTER DATABASE shop SET transaction_timeout = '200ms';
  ALTER DATABASE shop SET default_transaction_isolation = 'serializable';
  ALTER DATABASE shop SET session_replication_role = 'replica';
  ALTER DATABASE shop SET search_path = hostile, public, pg_catalog;
  ALTER DATABASE shop SET client_encoding = 'LATIN1';
  ALTER DATABASE shop SET log_statement = 'all';
  ALTER DATABASE shop SET plpgsql.extra_errors = 'all';
  ALTER DATABASE shop SET zero_damaged_pages = on;
  ALTER DATABASE shop SET quote_all_identifiers = on;
  ALTER ROLE CURRENT_USER SET temp_file_limit = 0;
  ALTER DATABASE shop SET work_mem = '64kB';
  ALTER DATABASE shop SET maintenance_work_mem = '1MB';
  ALTER DATABASE shop SET array_nulls = off;
  ALTER DATABASE shop SET transform_null_equals = on;
  ALTER DATABASE shop SET app.api_token = 'seeded-marker-token';
  ALTER ROLE owner SET log_min_duration_statement = 0;
  ALTER ROLE owner IN DATABASE shop SET role = 'reader';
  ALTER ROLE owner IN DATABASE shop SET default_transaction_read_only = on;`;

const COMPOSE = `name: invctl-db-settings-${process.pid}
services:
  db:
    image: postgres:17
    environment: {POSTGRES_DB: shop, POSTGRES_USER: owner, POSTGRES_PASSWORD_FILE: /run/secrets/database_password}
    secrets: [database_password]
    volumes: ["pgdata:/var/lib/postgresql/data"]
    healthcheck:
      {test: ["CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", "owner"], interval: 30s, start_period: 1m, start_interval: 200ms}
secrets: {database_password: {file: ./database_password.txt}}
volumes: {pgdata: {}}
`;

describe.skipIf(withoutDocker)('what a project sets for its sessions', () => {
  let project: DatabaseProject;
  let file: string;
  let manifest: { tables: { name: string; rows: number }[] };

  beforeAll(async () => {
    project = startDatabaseProject('settings', {
      postgres: '17',
      files: { 'database_password.txt': 'seeded-marker-password', 'compose.yaml': COMPOSE },
    });
    seedShop(project, 20_000);
    project.sql(TRAPS);
    ({ file, manifest } = await project.succeed(['db', 'backup', '--level', '3']));
  });

  afterAll(() => project?.remove());

  /** Past all of it, as our own sessions are. */
  const sql = (statements: string, database = 'shop') =>
    project.sql(
      `SET statement_timeout = 0; SET transaction_timeout = 0; SET client_encoding = 'UTF8'; SET role = none; SET default_transaction_read_only = off;
       ${statements}`,
      database,
    );
  const rows = () => sql('SELECT (SELECT count(*) FROM public.items), (SELECT count(*) FROM public.notes);');
  const nulls = () => sql('SELECT list[1] IS NULL, list[2], unknown IS NULL FROM public.nulls, public.never');

  it('counts in no session of ours: backup, verify, restore, undo', async () => {
    expect(manifest.tables).toContainEqual(expect.objectContaining({ name: 'public.items', rows: 20_000 }));
    expect(manifest.tables).toContainEqual(expect.objectContaining({ name: 'public.notes', rows: 2 }));
    expect(await project.succeed(['db', 'verify', file, '--level', '3'])).toMatchObject({ level: 3 });
    const before = rows();
    const settings = `SELECT setrole, array_to_string(setconfig, ';') FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = 'shop') ORDER BY 1`;
    const set = sql(settings, 'postgres')
      .split(/[\n|;]/)
      .sort();
    await project.succeed(['db', 'restore', file, '--yes']);
    expect(rows()).toBe(before);
    expect(nulls()).toBe('t|NULL|t');
    expect(
      sql(settings, 'postgres')
        .split(/[\n|;]/)
        .sort(),
    ).toEqual(set);
    await project.succeed(['db', 'restore', '--undo', '--yes']);
    expect(await project.succeed(['status'])).toMatchObject({ database: { reachable: true } });
    expect(sql(`SELECT DISTINCT program FROM public.logins WHERE program LIKE 'invctl%'`)).toBe('');
  });

  it.runIf(atFullSize)('counts in no plain dump, and in no load of one', async () => {
    const plain = join(project.directory, 'shop.sql.gz');
    await project.succeed(['db', 'backup', '--format', 'plain', '-o', plain, '--level', '3']);
    await project.succeed(['db', 'restore', plain, '--yes']);
    expect(rows()).toBe('20000|2');
    expect(nulls()).toBe('t|NULL|t');
    expect(sql(`SELECT count(*) FROM public.items WHERE name LIKE 'Ärtikel %'`)).toBe('20000');
    expect(sql(`SELECT DISTINCT program FROM public.logins WHERE program LIKE 'invctl%'`)).toBe('');
  });

  it('counts in no login that proves a password, and no statement of ours is in the log', async () => {
    const since = new Date().toISOString();
    await project.succeed(['secrets', 'rotate', 'database_password', '--yes']);
    await project.succeed(['db', 'restore', file, '--yes']);
    rows();
    const { stdout } = await project.invctl(['logs', 'db', '--since', since]);
    expect(stdout).toContain('SET role = none');
    expect(stdout).not.toMatch(/statement:.*(SCRAM-SHA-256|seeded-marker|pg_try_advisory_lock)/);
  });

  it('counts where the SQL is the project’s', async () => {
    const shown = await project.invctl(['db', 'psql', '--', '-XAtc', 'SHOW search_path', '-c', 'SHOW role']);
    expect(shown.stdout).toBe('hostile, public, pg_catalog\nreader\n');
    const script = join(project.directory, 'late.sql');
    writeFileSync(script, 'SELECT pg_sleep(1);');
    const late = await project.invctl(['db', 'exec', script]);
    expect(late.stderr).toContain('statement timeout');
    sql('ALTER ROLE owner IN DATABASE shop RESET default_transaction_read_only;');
    await project.invctl(['db', 'psql', '--', '-c', 'SELECT 1']);
    expect(sql(`SELECT DISTINCT program FROM public.logins`)).toBe('psql');
  });

  it('works for a user that is no superuser as far as that may, and says where it may not', async () => {
    sql(`CREATE ROLE plain LOGIN; GRANT pg_read_all_data TO plain; ALTER ROLE plain SET statement_timeout = '1ms';
      ALTER TABLE public.notes NO FORCE ROW LEVEL SECURITY; ALTER ROLE plain BYPASSRLS;`);
    const compose = join(project.directory, 'compose.yaml');
    const text = readFileSync(compose, 'utf8');
    writeFileSync(compose, text.replace('POSTGRES_USER: owner', 'POSTGRES_USER: plain'));
    try {
      const taken = await project.succeed(['db', 'backup']);
      expect(taken.manifest.tables).toContainEqual(
        expect.objectContaining({ name: 'public.items', rows: 20_000 }),
      );
      const refused = await project.invctl(['db', 'restore', file, '--yes', '--json']);
      expect(JSON.parse(refused.stdout).error).toMatchObject({ code: 'NOT_SUPERUSER' });
    } finally {
      writeFileSync(compose, text);
    }
  });
});
