import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifestSchema } from '../../../../src/backup/manifest.js';
import { bin, scriptEnvironment } from '../../../support/cli.js';
import { withoutDocker } from '../../../support/docker.js';
import { faultSteps } from '../../../support/fault-counts.js';
import { invctlOnTerminal } from '../../../support/terminal.js';
import { type DatabaseProject, seedShop, sha256Of, shimDocker, startDatabaseProject } from './fixture.js';

describe.skipIf(withoutDocker)('db backup on Docker', () => {
  let project: DatabaseProject;
  let folder: string;

  beforeAll(() => {
    project = startDatabaseProject('backup');
    folder = join(project.directory, 'backups');
    seedShop(project);
  });

  afterAll(() => project?.remove());

  function nothingIsLeft(processesOfOthers = ''): void {
    expect(existsSync(folder) ? readdirSync(folder) : []).toEqual([]);
    expect(project.invctlSessions()).toBe('');
    expect(project.clientProcesses()).toBe(processesOfOthers);
  }

  /** Waits for something that another process does. */
  async function until(what: () => boolean): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (!what()) {
      if (Date.now() > deadline) throw new Error(`never came true: ${what}`);
      await sleep(20);
    }
  }

  it('tells how much a first backup will be by the size of the database', async () => {
    project.sql('CREATE TABLE noise AS SELECT sha512(i::text::bytea) FROM generate_series(1, 600000) AS i;');
    const terminal = invctlOnTerminal(['db', 'backup'], { cwd: project.directory });
    expect(await terminal.ended).toBe(0);
    const about = /dump {2}[\d.]+ \w+ of about ([\d.]+) MB/.exec(terminal.screen());
    // A third of some 75 MB.
    expect(Number(about?.[1])).toBeGreaterThan(15);
    expect(Number(about?.[1])).toBeLessThan(50);
    project.sql('DROP TABLE noise;');
    rmSync(folder, { recursive: true });
  });

  it('writes an archive whose manifest tells the truth', async () => {
    const result = await project.invctl(['db', 'backup', '--json']);
    expect(result).toMatchObject({ code: 0 });
    const { data } = JSON.parse(result.stdout);
    expect(data.level).toBe(1);
    expect(data.file).toMatch(new RegExp(`^${folder}/${project.name}-\\d{8}T\\d{6}Z\\.dump$`));
    const manifest = manifestSchema.parse(JSON.parse(readFileSync(`${data.file}.manifest.json`, 'utf8')));
    expect(manifest).toEqual(data.manifest);
    expect(manifest.sha256).toBe(sha256Of(data.file));
    expect(manifest.bytes).toBe(statSync(data.file).size);
    expect(manifest.tables).toEqual([
      { name: 'public."Odd name"', rows: 3 },
      { name: 'public.items', rows: 5000 },
      { name: 'public.movements', rows: 15000 },
    ]);
    expect(manifest.sequences).toContainEqual({ name: 'public.movements_id_seq', lastValue: '15000' });
    expect(manifest.objects).toMatchObject({ views: 1, notValidated: [] });
    expect(statSync(data.file).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(readdirSync(folder)).toHaveLength(2);
    expect(JSON.stringify(manifest) + result.stderr).not.toContain('seeded-marker');
    rmSync(folder, { recursive: true });
    nothingIsLeft();
  });

  it('counts the rows of the archive itself while somebody writes', async () => {
    const writer = project.psql();
    const before = Number(project.sql('SELECT count(*) FROM movements'));
    for (let i = 0; i < 4000; i += 1) {
      writer.write('INSERT INTO movements (item_id, quantity) VALUES (1, 1); SELECT pg_sleep(0.001);\n');
    }
    await until(() => Number(project.sql('SELECT count(*) FROM movements')) > before);
    const { manifest, file } = await project.succeed(['db', 'backup']);
    const during = Number(project.sql('SELECT count(*) FROM movements'));
    await writer.end();
    const after = Number(project.sql('SELECT count(*) FROM movements'));
    const counted = manifest.tables.find(({ name }: { name: string }) => name === 'public.movements').rows;
    expect(counted).toBeGreaterThan(before);
    expect(counted).toBeLessThan(after);
    expect(during).toBeLessThan(after);
    const dumped = await dumpedRows(file, 'movements');
    expect(dumped).toBe(counted);
    rmSync(folder, { recursive: true });
  });

  /** Rows of a table in an archive, as pg_restore prints them. */
  async function dumpedRows(file: string, table: string): Promise<number> {
    const child = spawn(
      'docker',
      ['compose', 'exec', '-T', 'db', 'pg_restore', '--data-only', `--table=${table}`, '--file=-'],
      { cwd: project.directory, stdio: ['pipe', 'pipe', 'ignore'] },
    );
    child.stdin.on('error', () => {});
    child.stdin.end(readFileSync(file));
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    await once(child, 'close');
    const body = /FROM stdin;\n([\s\S]*?)\\\.\n/.exec(text)?.[1] ?? '';
    return body.split('\n').length - 1;
  }

  it('is byte-clean on stdout, and leaves no file', async () => {
    const child = spawn(process.execPath, [bin, 'db', 'backup', '-o', '-'], {
      cwd: project.directory,
      env: scriptEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const chunks: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const [code] = await once(child, 'close');
    expect(code).toBe(0);
    const file = join(project.directory, 'piped.dump');
    writeFileSync(file, Buffer.concat(chunks));
    expect(stderr).toContain(sha256Of(file));
    expect(Buffer.concat(chunks).subarray(0, 5).toString()).toBe('PGDMP');
    expect(await dumpedRows(file, '"Odd name"')).toBe(0);
    expect(await dumpedRows(file, 'items')).toBe(5000);
    rmSync(file);
    nothingIsLeft();
  });

  it('never overwrites', async () => {
    const file = join(project.directory, 'mine.dump');
    writeFileSync(file, 'precious');
    const result = await project.invctl(['db', 'backup', '-o', 'mine.dump', '--json']);
    expect(result.code).toBe(1);
    expect(JSON.parse(result.stdout).error.code).toBe('FILE_EXISTS');
    expect(readFileSync(file, 'utf8')).toBe('precious');
    rmSync(file);
  });

  /** Runs `body` while a table is locked, so that a dump is surely under way and stays there. */
  async function whileLocked(body: (dumpWaits: () => Promise<void>) => Promise<void>): Promise<void> {
    project.sql('CREATE TABLE gate (id int); INSERT INTO gate VALUES (1);');
    const holder = project.psql();
    holder.write('BEGIN; LOCK TABLE gate IN ACCESS EXCLUSIVE MODE;\n');
    const locks = (granted: boolean) =>
      Number(
        project.sql(
          `SELECT count(*) FROM pg_locks WHERE relation = 'gate'::regclass AND granted = ${granted}
             AND database = (SELECT oid FROM pg_database WHERE datname = 'shop')`,
        ),
      );
    try {
      await until(() => locks(true) === 1);
      // pg_dump and the session that counts
      await body(() => until(() => locks(false) === 2));
    } finally {
      await holder.end();
      project.sql('DROP TABLE gate');
    }
  }

  it('fails when the server ends the dump half-way, and leaves nothing', async () => {
    await whileLocked(async (dumpWaits) => {
      const running = project.invctl(['db', 'backup', '--json']);
      await dumpWaits();
      project.sql(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'invctl-backup-%'`,
      );
      const result = await running;
      expect(result.code).toBe(1);
      expect(JSON.parse(result.stdout).error.message).toMatch(
        /terminating connection|server closed the connection/,
      );
      nothingIsLeft('psql');
    });
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('leaves nothing behind on %s', async (signal, code) => {
    await whileLocked(async (dumpWaits) => {
      let child: ChildProcess | undefined;
      const running = project.invctl(['db', 'backup'], {
        onSpawn(spawned) {
          child = spawned;
        },
      });
      await dumpWaits();
      child?.kill(signal);
      expect((await running).code).toBe(code);
      nothingIsLeft('psql');
    });
  });

  it.each(faultSteps([40], [1, 99]))(
    'refuses what a docker that cuts at %i percent and says 0 hands over',
    async (percent) => {
      const whole = await archiveBytes();
      const env = shimDocker(
        project.directory,
        `case " $* " in *" pg_dump "*) "$REAL" "$@" | head -c ${Math.floor((whole * percent) / 100)}; exit 0;; esac\nexec "$REAL" "$@"`,
      );
      const result = await project.invctl(['db', 'backup', '--json'], { env });
      expect(result.code).toBe(8);
      expect(JSON.parse(result.stdout).error.code).toBe('BACKUP_UNREADABLE');
      nothingIsLeft();
    },
  );

  it('refuses what is not what pg_dump wrote', async () => {
    const env = shimDocker(
      project.directory,
      `case " $* " in *" pg_dump "*) "$REAL" "$@" | tr '\\000' '\\001'; exit 0;; esac\nexec "$REAL" "$@"`,
    );
    const result = await project.invctl(['db', 'backup', '--json'], { env });
    expect(JSON.parse(result.stdout).error).toMatchObject({
      code: 'BACKUP_UNREADABLE',
      message: expect.stringMatching(
        /SHA-256 of what pg_dump wrote is \w{64}, and that of what arrived is \w{64}/,
      ),
    });
    expect(result.code).toBe(8);
    nothingIsLeft();
  });

  it('refuses what pg_restore does not read', async () => {
    const inDatabase = (script: string) =>
      execFileSync('docker', ['compose', 'exec', '-T', 'db', 'sh', '-c', script], { cwd: project.directory });
    inDatabase(`program=$(command -v pg_restore); mv "$program" "$program.away"
printf '#!/bin/sh\\necho "pg_restore: error: no block here" >&2; exit 1' > "$program"; chmod +x "$program"`);
    try {
      const result = await project.invctl(['db', 'backup', '--json']);
      expect(JSON.parse(result.stdout).error).toMatchObject({
        code: 'BACKUP_UNREADABLE',
        message: expect.stringContaining('no block here'),
      });
      expect(result.code).toBe(8);
    } finally {
      inDatabase('program=$(command -v pg_restore); mv "$program.away" "$program"');
    }
    nothingIsLeft();
  });

  async function archiveBytes(): Promise<number> {
    const { file, manifest, manifestFile } = await project.succeed(['db', 'backup', '-o', 'measure.dump']);
    rmSync(file);
    rmSync(manifestFile);
    return manifest.bytes;
  }

  it('says that the database is not running', async () => {
    expect((await project.invctl(['stop', 'db'])).code).toBe(0);
    const result = await project.invctl(['db', 'backup', '--json']);
    expect(JSON.parse(result.stdout).error).toMatchObject({
      code: 'SERVICE_NOT_RUNNING',
      hint: 'invctl up db',
    });
    expect(result.code).toBe(1);
    expect((await project.invctl(['up', 'db'])).code).toBe(0);
  });
});
