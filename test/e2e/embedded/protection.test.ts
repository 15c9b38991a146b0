import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliResult, invctl } from '../../support/cli.js';
import {
  disposeOf,
  embeddedEngine,
  embeddedEnvironment,
  query,
  serverFromNpm,
} from '../../support/embedded.js';
import { faultSteps } from '../../support/fault-counts.js';
import { interruptedAt, killedAt } from '../../support/kill-at-step.js';
import { killsOf } from '../../support/kills.js';
import { processesNaming } from '../../support/leaks.js';
import { untilSafe } from '../../support/protection/until.js';
import { schemaErrors } from '../../support/schema.js';
import { createTinyStack, type TinyStack } from '../../support/tiny-stack.js';

/** From before the protection to after it: each test begins where the one before it ended. */
describe('db protect and db restore --to on the embedded engine, with a bare server', () => {
  let stack: TinyStack;
  let env: NodeJS.ProcessEnv;
  let place: string;
  let composeBefore: string;
  /** A moment at which `notes` had 100 rows. */
  let hundred: string;

  beforeAll(async () => {
    stack = await createTinyStack();
    env = await embeddedEnvironment(stack, { INVCTL_POSTGRES_DIR: serverFromNpm() });
    expect(await run('up')).toMatchObject({ code: 0 });
    place = join(stack.directory, 'backups', 'protection');
    composeBefore = composeFile();
    await sql('CREATE TABLE notes (id serial PRIMARY KEY, text text NOT NULL)');
  });

  afterAll(async () => {
    expect(await disposeOf(stack, env)).toEqual([]);
  });

  const run = (...args: string[]): Promise<CliResult> => runWith({}, ...args);
  const runWith = (more: Record<string, string>, ...args: string[]): Promise<CliResult> =>
    invctl(['--engine', 'embedded', ...args], {
      cwd: stack.directory,
      env: { ...(env as Record<string, string>), ...more },
    });
  /** `data` of a command's document, which has to have none of the schema's errors. */
  // biome-ignore lint/suspicious/noExplicitAny: the committed schema holds it.
  async function succeed(schema: string, ...args: string[]): Promise<any> {
    const { code, stdout, stderr } = await run(...args, '--json');
    const document = JSON.parse(stdout);
    expect({ code, error: document.error, stderr: code === 0 ? '' : stderr }).toEqual({
      code: 0,
      error: undefined,
      stderr: '',
    });
    expect(schemaErrors(schema, document)).toEqual([]);
    return document.data;
  }
  const sql = (text: string) => query(embeddedEngine(env), stack, text);
  const rows = async () => (await sql('SELECT count(*)::int FROM notes'))[0];
  const composeFile = () => readFileSync(join(stack.directory, 'compose.yaml'), 'utf8');
  const now = async () =>
    String(
      (await sql(`SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS"Z"')`))[0],
    );

  const safe = () => untilSafe(() => succeed('db-protect-status', 'db', 'protect', 'status'));

  it('is switched on while the server goes on, by the same edit of the compose file as on Docker', async () => {
    const started = await sql('SELECT pg_postmaster_start_time()::text');
    const { diff } = await succeed('db-protect-on', 'db', 'protect', 'on', '--yes');
    expect(diff).toContain('+  db-protect:');
    expect(await sql('SELECT pg_postmaster_start_time()::text')).toEqual(started);
    expect(statSync(place).mode & 0o077).toBe(0);
    await safe();
    const { services } = JSON.parse((await run('ps', '--json')).stdout).data;
    expect(services).toContainEqual(expect.objectContaining({ name: 'db-protect', state: 'running' }));
    const { base } = await succeed('db-backup', 'db', 'backup', '--base');
    expect(base.bytes).toBeGreaterThan(100_000);
  });

  it('finds the transaction that deleted rows, and brings the table back beside the live one', async () => {
    await sql(`INSERT INTO notes (text) SELECT 'note ' || i FROM generate_series(1, 100) i`);
    await sleep(1100);
    hundred = await now();
    await sleep(1100);
    await sql('DELETE FROM notes WHERE id > 7');
    await safe();
    const { changes } = await succeed('db-history', 'db', 'history', 'notes');
    expect(changes[0]).toMatchObject({ inserted: 0, deleted: 93 });
    const before = ['--to-before', String(changes[0].transaction)];
    const { tables } = await succeed('db-restore', 'db', 'restore', ...before, '--table', 'notes');
    expect(tables[0].difference).toEqual({ rows: 100, rowsNow: 7, onlyThen: 93, onlyNow: 0, changed: 0 });
    await sql(tables[0].putBack.insert);
    expect(await rows()).toBe(100);
    await sql(`DROP TABLE ${tables[0].into}`);
    await sql('DELETE FROM notes WHERE id > 7');
  });

  it('has a receiver that `up` renews where it is of another version of invctl', async () => {
    const script = join(place, 'receiver.sh');
    const present = readFileSync(script, 'utf8');
    writeFileSync(script, `${present}\n# of before\n`);
    const { message } = await succeed('db-protect-status', 'db', 'protect', 'status');
    expect(message).toBe('the receiver is that of another version of invctl (invctl up)');
    const { warnings } = JSON.parse((await run('up', '--json')).stdout);
    expect(warnings.join()).toContain('db-protect was that of another version of invctl');
    expect(readFileSync(script, 'utf8')).toBe(present);
    await safe();
  });

  it('brings back a moment, and undoes that', async () => {
    await safe();
    const restored = await succeed('db-restore', 'db', 'restore', '--to', hundred, '--yes');
    expect(restored.rows).toContainEqual({ table: 'public.notes', before: 7, after: 100 });
    expect(await rows()).toBe(100);
    await succeed('db-restore', 'db', 'restore', '--undo', '--yes');
    expect(await rows()).toBe(7);
    await run('db', 'restore', '--forget', '--yes', '--confirm', stack.location().name);
  });

  it.each(
    faultSteps(
      killsOf('db restore --to', { only: 'swap' }).slice(1),
      killsOf('db restore --to', { without: 'swap' }).filter(([, , noted]) => noted !== undefined),
    ),
  )('a restore that was killed at step %s, %s it is noted, is recovered', async (step, when, noted) => {
    const killed = await runWith(killedAt(step, when), 'db', 'restore', '--to', hundred, '--yes');
    expect(killed.code).toBeNull();
    const { recovered } = await succeed('recover', 'recover');
    const outcome = noted === 'restart' ? 'finished' : 'reverted';
    expect(recovered).toMatchObject([{ outcome }]);
    expect(await rows()).toBe(outcome === 'finished' ? 100 : 7);
    if (outcome === 'finished') await sql('DELETE FROM notes WHERE id > 7');
    const projects = join(stack.home, 'state', 'projects');
    const beside = readdirSync(projects).map((name) =>
      join(projects, name, 'volumes/pgdata/pgsql_tmp_restore_'),
    );
    expect(beside.flatMap(processesNaming)).toEqual([]);
  });

  it('is put back after a Ctrl-C, and is finished by `recover` after one that came behind the swap', async () => {
    const [before] = (await sql('SELECT count(*)::int FROM notes')) as number[];
    const stopped = await runWith(interruptedAt('recover'), 'db', 'restore', '--to', hundred, '--yes');
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toContain('interrupted: db restore --to comes to a clean end');
    expect(stopped.stderr).not.toContain('not everything could be put back');
    expect((await succeed('recover', 'recover')).recovered).toEqual([]);
    expect(await rows()).toBe(before);
    const swapped = await runWith(interruptedAt('restart'), 'db', 'restore', '--to', hundred, '--yes');
    expect(swapped.code).toBe(130);
    expect(swapped.stderr).toContain(
      'db restore --to is done but for its last step; finish it: invctl recover',
    );
    expect((await succeed('recover', 'recover')).recovered).toMatchObject([{ outcome: 'finished' }]);
    expect(await rows()).toBe(100);
    await succeed('db-restore', 'db', 'restore', '--undo', '--yes');
    expect(await rows()).toBe(before);
  });

  it('loses nothing that was safe when the server is killed and its data removed', async () => {
    await sql(`INSERT INTO notes (text) SELECT 'late' FROM generate_series(1, 1000) i`);
    await safe();
    const [folder] = (await sql('SHOW data_directory')) as string[];
    const pid = Number(readFileSync(join(folder as string, 'postmaster.pid'), 'utf8').split('\n')[0]);
    process.kill(pid, 'SIGKILL');
    rmSync(folder as string, { recursive: true });
    const { code, stdout } = await run('db', 'restore', '--to', 'latest', '--yes', '--json');
    const { error, data } = JSON.parse(stdout);
    expect({ code, error, previous: data?.previous }).toEqual({ code: 0, error: undefined, previous: null });
    expect(await rows()).toBe(1007);
    // What the lost data was replaced by is no server that could come back.
    const undone = await run('db', 'restore', '--undo', '--yes', '--json');
    expect(JSON.parse(undone.stdout).error?.code).toBe('NOTHING_TO_UNDO');
    expect(await rows()).toBe(1007);
  });

  it('is switched off without a trace', async () => {
    await succeed('db-protect-off', 'db', 'protect', 'off', '--yes');
    expect(composeFile()).toBe(composeBefore);
    expect(processesNaming(place)).toEqual([]);
    expect(existsSync(join(place, '.pgpass'))).toBe(false);
    expect(
      await sql(
        `SELECT (SELECT count(*)::int FROM pg_roles WHERE rolname = 'invctl_protect') + (SELECT count(*)::int FROM pg_replication_slots)`,
      ),
    ).toEqual([0]);
  });
});
