import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { type DatabaseProject, startDatabaseProject } from './fixture.js';
import { buildImage } from './image.js';

const IMAGE = `FROM postgres:17
RUN apt-get update -q && apt-get install -qy --no-install-recommends \\
  postgresql-17-postgis-3 postgresql-17-pgvector postgresql-17-cron pgbouncer && rm -rf /var/lib/apt/lists/*
`;

const COUNT = 'SELECT count(*) FROM places';

/** Rows, what an extension's own tables were given, and where things lie. */
const STATE = `
  SELECT id, name, ST_AsEWKT(position), near::text FROM places ORDER BY id;
  SELECT auth_name, srtext FROM spatial_ref_sys WHERE srid = 990001;
  SELECT id FROM places ORDER BY near <-> '[1,1,1]' LIMIT 3;
  SELECT extname, extversion FROM pg_extension ORDER BY 1;
  SELECT relname, spcname FROM pg_class c LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace
   WHERE relnamespace = 'public'::regnamespace AND relname LIKE 'places%' ORDER BY 1;`;

describe.skipIf(withoutDocker)(
  'a database with PostGIS, pgvector, a tablespace, a pooler, and pg_cron beside it',
  () => {
    let project: DatabaseProject;
    let image: ReturnType<typeof buildImage>;
    let seeded: string;
    let file: string;

    beforeAll(() => {
      image = buildImage('extensions', IMAGE);
      project = startDatabaseProject('extensions', {
        image: image.name,
        command: ['postgres', '-c', 'shared_preload_libraries=pg_cron'],
      });
      inContainer('install', '-d', '-o', 'postgres', '/var/tmp/fast');
      project.sql(
        `CREATE EXTENSION postgis; CREATE EXTENSION vector; CREATE TABLESPACE fast LOCATION '/var/tmp/fast'`,
      );
      project.sql(`
      CREATE TABLE places (id int PRIMARY KEY, name text, position geometry(Point, 4326), near vector(3)) TABLESPACE fast;
      INSERT INTO places SELECT i, 'place ' || i, ST_SetSRID(ST_MakePoint(i / 10.0, -i / 7.0), 4326), ARRAY[i, 1, i % 3]::vector
        FROM generate_series(1, 300) i;
      CREATE INDEX places_position ON places USING gist (position); CREATE INDEX places_near ON places USING hnsw (near vector_l2_ops) TABLESPACE fast;
      INSERT INTO spatial_ref_sys (srid, auth_name, srtext) VALUES (990001, 'ours', 'a system of our own');`);
      seeded = project.sql(STATE);
    }, 600_000);

    afterAll(() => {
      project?.remove();
      image?.remove();
    });

    const inContainer = (...command: string[]) =>
      execFileSync('docker', ['exec', `${project.name}-db-1`, ...command], { encoding: 'utf8' });

    it('is backed up, and proved with every table of it', async () => {
      const backup = await project.succeed(['db', 'backup', '--level', '3']);
      expect(backup.level).toBe(3);
      file = backup.file;
    });

    it('is restored and taken back while a pooler connects to it again and again', async () => {
      inContainer(
        'sh',
        '-c',
        `printf '[databases]\\nshop = host=/var/run/postgresql user=owner\\n[pgbouncer]\\nlisten_addr = 127.0.0.1\\nlisten_port = 6432\\nunix_socket_dir =\\nauth_type = any\\npidfile = /tmp/pooler.pid\\npool_mode = transaction\\nserver_login_retry = 0\\n' > /tmp/pooler.ini
       setpriv --reuid=postgres --regid=postgres --clear-groups pgbouncer -d /tmp/pooler.ini`,
      );
      const client = project.repeat(
        `psql -h 127.0.0.1 -p 6432 -U owner -d shop -XqAt -c '${COUNT}' 2>/dev/null`,
      );
      await client.prints();
      project.sql('DELETE FROM places WHERE id > 200');
      const live = project.sql(STATE);
      await project.succeed(['db', 'restore', file, '--yes']);
      expect(project.sql(STATE)).toBe(seeded);
      await project.succeed(['db', 'restore', '--undo', '--yes']);
      expect(project.sql(STATE)).toBe(live);
      await project.succeed(['db', 'restore', '--undo', '--yes']);
      // The first may have been asked before the last swap.
      await client.prints();
      await client.prints();
      const counts = await client.end();
      expect(new Set(counts)).toEqual(new Set(['300', '200']));
      expect(counts.at(-1)).toBe('300');
      await project.succeed(['db', 'restore', '--forget', '--confirm', project.name]);
    });

    it('says where pg_cron belongs when it is in the database itself', async () => {
      project.sql(`ALTER SYSTEM SET cron.database_name = 'shop'`);
      execFileSync('docker', ['compose', 'restart', 'db'], { cwd: project.directory, stdio: 'ignore' });
      execFileSync('docker', ['compose', 'up', '--detach', '--wait'], {
        cwd: project.directory,
        stdio: 'ignore',
      });
      project.sql(`CREATE EXTENSION pg_cron; SELECT cron.schedule('nightly', '0 3 1 1 *', 'VACUUM')`);
      const backup = await project.succeed(['db', 'backup', '-o', 'cron.dump']);
      const { code, stdout } = await project.invctl(['db', 'restore', backup.file, '--yes', '--json']);
      expect(JSON.parse(stdout).error).toMatchObject({
        code: 'EXTENSION_BOUND',
        hint: expect.stringContaining('cron.schedule_in_database'),
      });
      expect(code).toBe(1);
      expect(project.databases()).toEqual(['shop']);
      expect(project.sql('SELECT jobname FROM cron.job')).toBe('nightly');
    });
  },
);
