import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bin, scriptEnvironment } from '../../support/cli.js';
import { withoutDocker } from '../../support/docker.js';
import { createDockerProject, type DockerProject, docker } from '../../support/docker-project.js';
import { killedAt } from '../../support/kill-at-step.js';
import { killsOf, someOf } from '../../support/kills.js';
import { commandLines } from '../../support/leaks.js';

/** No scaffold: a database on an internal network, nothing published of it, and an app with migrations. */
const COMPOSE = `name: NAME
services:
  store:
    image: postgres:16
    environment: { POSTGRES_USER: keeper, POSTGRES_DB: "the shop", POSTGRES_PASSWORD_FILE: /run/secrets/store }
    secrets: [store]
    networks: [inside]
    volumes: ["data:/var/lib/postgresql/data"]
    healthcheck: { test: ["CMD", "pg_isready", "-h", "127.0.0.1"], interval: 30s, start_period: 60s, start_interval: 200ms }
  app:
    build: ./app
    image: NAME-app
    ports: ["127.0.0.1:PORT:8080"]
    networks: [inside, default]
    depends_on: { store: { condition: service_healthy } }
    stop_signal: SIGKILL
networks: { inside: { internal: true } }
volumes: { data: }
secrets: { store: { file: ./store password.txt } }
`;
const PASSWORD = 'p@ss/wörd:1?&#';

describe.skipIf(withoutDocker)('a day with a project that invctl did not make', () => {
  let project: DockerProject & { port: number };
  const sql = async (query: string) => {
    const { stdout, stderr, code } = await project.invctl(['db', 'psql', '--', '-Atc', query]);
    expect(code, stderr).toBe(0);
    return stdout.trim();
  };

  const serverLog = async () => {
    const { stdout } = await project.invctl(['logs', 'store']);
    return stdout;
  };

  beforeAll(async () => {
    project = await createDockerProject(COMPOSE, 'a day ');
    await mkdir(join(project.folder, 'app/migrations'), { recursive: true });
    await project.write('store password.txt', `${PASSWORD}\n`);
    await project.write('app/Dockerfile', 'FROM debian:trixie-slim\nCMD ["sleep", "infinity"]\n');
    await project.write(
      'app/migrations/0001_items.sql',
      'CREATE TABLE items (sku text PRIMARY KEY, qty int NOT NULL);\n',
    );
    const { code, stderr } = await project.invctl(['up']);
    expect(code, stderr).toBe(0);
    await project.json(['db', 'migrate']);
  });
  afterAll(() => project?.remove());

  it('seeds by SQL: a BOM and CRLF are no content, and an error names its line with nothing applied', async () => {
    const rows = Array.from({ length: 38 }, (_, n) => `INSERT INTO items VALUES ('A-${n}', ${n});\r\n`).join(
      '',
    );
    await project.write(
      'bad seed.sql',
      `\ufeff-- a seed\r\n${rows}INSERT INTO items VALUES ('A-1', 'many');\r\n`,
    );
    const failed = await project.json(['db', 'seed', 'bad seed.sql']);
    expect(failed.code).toBe(1);
    expect(failed.document.error).toMatchObject({ file: join(project.folder, 'bad seed.sql'), line: 40 });
    expect(await sql('SELECT count(*) FROM items')).toBe('0');
    await project.write('seed.sql', `\ufeff-- a seed\r\n${rows}`);
    const { document } = await project.json(['db', 'seed']);
    expect(document.data).toMatchObject({ file: join(project.folder, 'seed.sql'), by: 'sql' });
    expect(await sql('SELECT count(*) FROM items')).toBe('38');
  });

  it('seeds by CSV: columns by the header, all rows or none, and an error names its line', async () => {
    const rows = Array.from({ length: 38 }, (_, n) => `B-${n},"${n}"\r\n`).join('');
    await project.write('items.csv', `\ufeff"sku",qty\r\n${rows}B-x,many\r\n`);
    const failed = await project.json(['db', 'seed', 'items.csv']);
    expect(failed.document.error).toMatchObject({ code: 'SEED_FAILED', line: 40 });
    expect(await sql("SELECT count(*) FROM items WHERE sku LIKE 'B-%'")).toBe('0');
    await project.write('more.csv', `\ufeffqty,sku\n1,"B-a\nb"\n2,B-c\n`);
    const { document } = await project.json(['db', 'seed', 'more.csv', '--table', 'public.items']);
    expect(document.data).toMatchObject({ by: 'copy', rows: 2 });
    expect(await sql("SELECT sum(qty) FROM items WHERE sku LIKE 'B-%'")).toBe('3');
    const noTable = await project.json(['db', 'seed', 'more.csv']);
    expect(noTable.document.error.hint).toContain('--table TABLE');
  });

  it("resets: only with the project's name, after a backup, with the schema of the migrations", async () => {
    const unasked = await project.json(['db', 'reset', '--yes']);
    expect(unasked.code).toBe(7);
    expect((await project.json(['db', 'reset', '--confirm', 'other'])).code).toBe(7);
    expect(await sql('SELECT count(*) > 0 FROM items')).toBe('t');
    await sql('ALTER DATABASE "the shop" SET statement_timeout = \'77s\'');
    const { code, document } = await project.json(['db', 'reset', '--confirm', project.name, '--seed']);
    expect(code, JSON.stringify(document)).toBe(0);
    expect(document.data).toMatchObject({
      migrated: ['0001_items.sql'],
      restarted: ['app'],
      seeded: { by: 'sql' },
    });
    expect(existsSync(document.data.backup)).toBe(true);
    expect(await sql('SELECT count(*) FROM items')).toBe('38');
    expect(await sql('SHOW statement_timeout')).toBe('77s');
    expect(
      await sql("SELECT string_agg(datname, ',' ORDER BY 1) FROM pg_database WHERE NOT datistemplate"),
    ).toBe('postgres,the shop');
  });

  it.each(someOf(killsOf('db reset')))(
    'a reset that is killed at "%s", %s it is noted, is finished or taken back by `recover`',
    async (step, when) => {
      const args = ['db', 'reset', '--confirm', project.name, '--no-backup'];
      const killed = await project.invctl(args, { env: killedAt(step, when) });
      expect(killed.code).toBe(null);
      const { code, document } = await project.json(['recover']);
      expect(code, JSON.stringify(document)).toBe(0);
      const [recovery] = document.data.recovered;
      const rows = recovery?.outcome === 'finished' ? '0' : '38';
      expect(await sql('SELECT count(*) FROM items')).toBe(rows);
      expect(await sql('SELECT count(*) FROM pg_database')).toBe('4');
      if (rows === '0') await project.json(['db', 'seed']);
    },
  );

  it('resets nothing where a migration fails, or the backup before it', async () => {
    await project.write('app/migrations/0002_bad.sql', 'CREATE TABLE (;\n');
    const { code, document } = await project.json(['db', 'reset', '--confirm', project.name, '--no-backup']);
    expect(code).toBe(1);
    expect(document.error.code).toBe('MIGRATION_FAILED');
    expect(await sql('SELECT count(*) FROM items')).toBe('38');
    expect(await sql('SELECT count(*) FROM pg_database')).toBe('4');
    await rm(join(project.folder, 'app/migrations/0002_bad.sql'));
    await rm(join(project.folder, 'backups'), { recursive: true });
    await project.write('backups', 'in the way');
    const second = await project.json(['db', 'reset', '--confirm', project.name]);
    expect(second.document.error.code).toBe('BACKUP_FAILED');
    expect(second.document.error.hint).toContain('--no-backup');
    const { document: listed } = await project.json(['db', 'list']);
    expect(listed.error).toMatchObject({
      code: 'NOT_READABLE',
      message: expect.stringContaining('is a file and not'),
    });
    expect(await sql('SELECT count(*) FROM items')).toBe('38');
  });

  it('forwards a port for the time of `db url`, to whoever has the password', async () => {
    const bins = join(project.folder, 'bin');
    await mkdir(bins);
    // As the real one: a process that serves the text stays behind, with whatever it was given.
    await writeFile(
      join(bins, 'xclip'),
      `#!/bin/sh\ncat > '${project.folder}/clipboard'\n(sleep 300) &\necho $! > '${project.folder}/clipboard.pid'\n`,
    );
    await chmod(join(bins, 'xclip'), 0o755);
    const child = spawn(process.execPath, [bin, '--engine', 'docker', '--json', 'db', 'url', '--copy'], {
      cwd: project.folder,
      env: scriptEnvironment({
        PATH: `${bins}:${process.env.PATH}`,
        DISPLAY: ':77',
        WAYLAND_DISPLAY: undefined,
      }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let printed = '';
    child.stderr.on('data', (chunk) => {
      printed += chunk;
    });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const line = await new Promise<string>((resolve) => {
      createInterface({ input: child.stdout }).once('line', resolve);
    });
    printed += line;
    const { data } = JSON.parse(line);
    expect(data).toMatchObject({
      user: 'keeper',
      database: 'the shop',
      password: 'store password.txt',
      temporary: true,
      copied: true,
    });
    const whole = await readFile(join(project.folder, 'clipboard'), 'utf8');
    process.kill(Number(await readFile(join(project.folder, 'clipboard.pid'), 'utf8')));
    expect(new URL(whole).host).toBe(`127.0.0.1:${data.port}`);

    const answers = await Promise.all(
      [1, 2, 3].map(async (n) => {
        const client = new pg.Client({ connectionString: whole });
        await client.connect();
        const { rows } = await client.query(`SELECT repeat('x', 1000000) AS text, ${n} AS n`);
        await client.end();
        return [rows[0].text.length, rows[0].n];
      }),
    );
    expect(answers).toEqual([
      [1_000_000, 1],
      [1_000_000, 2],
      [1_000_000, 3],
    ]);
    const wrong = whole.replace(/:[^:@]*@/, ':wrong@');
    const stranger = new pg.Client({ connectionString: wrong });
    await expect(stranger.connect()).rejects.toThrow(/password authentication failed/);
    expect(await docker('port', `${project.name}-store-1`)).toBe('');
    expect(commandLines().join('\n')).not.toContain(PASSWORD);

    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(printed).not.toContain(PASSWORD);
    expect(printed).not.toContain(encodeURIComponent(PASSWORD));
    await expect(fetch(`http://127.0.0.1:${data.port}`)).rejects.toThrow();
    const left = await docker(
      'exec',
      `${project.name}-store-1`,
      'sh',
      '-c',
      "cat /proc/[0-9]*/cmdline | tr '\\0' ' '",
    );
    expect(left).not.toContain('/dev/tcp');
    // The server takes an orphan that a signal ended for a crash of its own.
    expect(await serverLog()).not.toMatch(/terminating any other active server processes|recovery/);
  });

  it('says over SSH that the clipboard is elsewhere, and which port is taken', async () => {
    const env = {
      SSH_CONNECTION: '1.2.3.4 5 6.7.8.9 22',
      DISPLAY: undefined,
      WAYLAND_DISPLAY: undefined,
      PATH: process.env.PATH,
    };
    const { code, document } = await project.json(['db', 'url', '--copy'], { env });
    expect(code).toBe(1);
    expect(document.error).toMatchObject({ code: 'NO_CLIPBOARD', message: expect.stringContaining('SSH') });
    const taken = await project.json(['db', 'url', '--port', String(await busyPort())]);
    expect(taken.document.error.code).toBe('PORT_IN_USE');
  });

  async function busyPort(): Promise<number> {
    const { port } = new URL(`http://${(await docker('port', `${project.name}-app-1`)).split(' ').at(-1)}`);
    return Number(port);
  }

  it('gives a shell, whose status is ours, and the URL', async () => {
    const shell = await project.invctl(['shell', 'app'], {
      input: 'cat /etc/debian_version >/dev/null && exit 7\n',
    });
    expect(shell.code).toBe(7);
    const opened = await project.json(['open']);
    expect(opened.document.data).toEqual({
      service: 'app',
      url: `http://127.0.0.1:${project.port}`,
      opened: false,
    });
    const database = await project.json(['open', 'store']);
    expect(database.document.error.code).toBe('NO_URL');
  });

  it('shows in `status` where to log in, and in `list` every project', async () => {
    const { document } = await project.json(['status']);
    expect(document).toMatchObject({
      ok: true,
      data: {
        app: { service: 'app', url: `http://127.0.0.1:${project.port}` },
        database: { reachable: true, user: 'keeper', password: 'store password.txt' },
      },
    });
    const listed = await project.json(['list']);
    expect(listed.document.data.projects).toMatchObject([
      { name: project.name, directory: project.folder, present: true, engine: 'docker', state: 'running' },
    ]);
    expect(listed.document.data.projects[0].bytes).toBeGreaterThan(1_000_000);
  });

  it('says in `list` that a folder is gone, and forgets what has no data', async () => {
    const note = { name: `${project.name}-gone`, engine: 'docker', lastUp: '2026-01-01T00:00:00.000Z' };
    const place = { directory: '/nowhere/at all', files: ['/nowhere/at all/compose.yaml'] };
    const id = createHash('sha256').update(`${note.name}\0${place.directory}`).digest('hex').slice(0, 32);
    await writeFile(`${project.folder}-state/known/${id}.json`, JSON.stringify({ ...note, ...place }));
    await writeFile(`${project.folder}-state/known/4567cdef.json`, '{ cut off');
    const { stdout } = await project.invctl(['list']);
    expect(stdout).toContain('/nowhere/at all (gone)');
    expect(stdout).toContain('its folder is gone, and it has no data; it is not listed again');
    expect((await project.json(['list'])).document.data.projects).toHaveLength(1);
  });

  it('names the key where there are two databases, and what to start where it is down', async () => {
    await project.invctl(['stop', 'store']);
    for (const command of [
      ['db', 'url'],
      ['db', 'seed', 'seed.sql'],
      ['db', 'reset', '--confirm', project.name],
    ]) {
      const { code, document } = await project.json(command);
      expect(code, command.join(' ')).not.toBe(0);
      expect(document.error.hint, command.join(' ')).toContain('invctl');
    }
    const compose = await readFile(join(project.folder, 'compose.yaml'), 'utf8');
    await project.write(
      'compose.yaml',
      compose.replace(
        '  app:\n',
        '  other: { image: "postgres:17", environment: { POSTGRES_PASSWORD: x } }\n  app:\n',
      ),
    );
    const { code, document } = await project.json(['db', 'url']);
    expect(code).toBe(4);
    expect(document.error).toMatchObject({ code: 'DATABASE_UNDECIDED', key: 'services.database' });
  });
});
