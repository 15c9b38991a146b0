import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { faultSteps } from '../../../support/fault-counts.js';
import { killedAt } from '../../../support/kill-at-step.js';
import { killsOf } from '../../../support/kills.js';
import { untilSafe } from '../../../support/protection/until.js';
import { schemaErrors } from '../../../support/schema.js';
import { type DatabaseProject, startDatabaseProject } from '../database/fixture.js';

/** What tables of real projects look like, and what happens to them until somebody wants them back. */
const SHOP = `
  CREATE TYPE mood AS ENUM ('calm', 'cross');
  CREATE TYPE size AS ENUM ('s', 'm');
  CREATE DOMAIN quantity AS integer CHECK (VALUE <> 0);
  CREATE DOMAIN "Unit Price" AS numeric(12, 2) CHECK (VALUE >= 0);
  CREATE EXTENSION pg_trgm;
  CREATE SCHEMA "Sales";
  CREATE TABLE "Sales"."Order" (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "Quoted "" name" text DEFAULT 'none', feel mood NOT NULL,
    fits size[], amount quantity NOT NULL, price "Unit Price" NOT NULL,
    total numeric GENERATED ALWAYS AS (amount * price) STORED, extra json, at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE lines (
    id serial PRIMARY KEY, order_id bigint NOT NULL REFERENCES "Sales"."Order" ON DELETE CASCADE, text text COLLATE "C");
  CREATE INDEX ON lines (order_id);
  CREATE TABLE events (day date NOT NULL, number int NOT NULL, what text, PRIMARY KEY (day, number)) PARTITION BY RANGE (day);
  CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
  CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
  CREATE TABLE secret (tenant int NOT NULL, text text);
  ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
  CREATE POLICY own ON secret USING (tenant = 1);
  CREATE TABLE gone (id int PRIMARY KEY, text text);
  INSERT INTO "Sales"."Order" ("Quoted "" name", feel, fits, amount, price, extra)
    SELECT E'n\\t\\\\' || i, (ARRAY['calm', 'cross'])[1 + i % 2]::mood, ARRAY['s', 'm']::size[], i, i / 4.0, '{"a": 1}'
      FROM generate_series(1, 200) i;
  INSERT INTO lines (order_id, text) SELECT 1 + i % 200, NULLIF('line ' || i, 'line 7') FROM generate_series(1, 600) i;
  INSERT INTO events SELECT DATE '2026-01-01' + i % 50, i, 'e' FROM generate_series(1, 100) i;
  INSERT INTO secret SELECT i % 3, 'same' FROM generate_series(1, 9) i;
  INSERT INTO gone SELECT i, 'g' FROM generate_series(1, 5) i;`;

const ACCIDENT = `
  DELETE FROM "Sales"."Order" WHERE id <= 20;
  UPDATE "Sales"."Order" SET "Quoted "" name" = 'overwritten' WHERE id BETWEEN 101 AND 107;
  INSERT INTO "Sales"."Order" (feel, amount, price) VALUES ('calm', 1, 1);
  ALTER TYPE mood ADD VALUE 'sad';
  ALTER TABLE "Sales"."Order" ALTER fits TYPE text[];
  DROP TYPE size;
  ALTER DOMAIN quantity DROP CONSTRAINT quantity_check;
  ALTER DOMAIN quantity ADD CHECK (VALUE > 50) NOT VALID;
  UPDATE events SET what = 'wrong' WHERE number <= 10;
  DELETE FROM secret WHERE ctid = (SELECT ctid FROM secret LIMIT 1);
  DROP TABLE gone;
  CREATE TABLE later (id int);`;

describe.skipIf(withoutDocker)('one table of a moment on Docker', () => {
  let project: DatabaseProject;
  let before: string;
  /** Of the DELETE. */
  let accident: string;
  /** Of the DROP. */
  let dropping: string;

  beforeAll(async () => {
    project = startDatabaseProject('table');
    project.sql(SHOP);
    await project.succeed(['db', 'protect', 'on', '--yes']);
    project.sql(`INSERT INTO gone VALUES (6, 'late')`);
    await sleep(1100);
    before = project.sql(
      `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS"Z"')`,
    );
    await sleep(1100);
    project.sql(ACCIDENT);
    await safe();
  });

  afterAll(() => project?.remove());

  const restore = (...args: string[]) => project.invctl(['db', 'restore', ...args, '--json']);
  const safe = () => untilSafe(() => project.succeed(['db', 'protect', 'status']));
  const types = (table: string) =>
    project.sql(
      `SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
         FROM pg_attribute WHERE attrelid = '${table}'::regclass AND attnum > 0`,
    );

  it('finds the transaction of an accident, whatever was done to the table since', async () => {
    project.sql(`CREATE TABLE past (id int, text text);
      BEGIN; INSERT INTO past SELECT i, repeat('x', 3000) FROM generate_series(1, 30) i; SAVEPOINT a;
        INSERT INTO past VALUES (0); ROLLBACK TO a; SAVEPOINT b; DELETE FROM past WHERE id < 4; COMMIT;
      BEGIN; DELETE FROM past; ROLLBACK;
      VACUUM FULL past;
      UPDATE past SET id = id + 1;
      TRUNCATE past;
      INSERT INTO past VALUES (1), (2);`);
    await safe();
    const { stdout } = await project.invctl(['db', 'history', 'past', '--json']);
    const document = JSON.parse(stdout);
    expect(schemaErrors('db-history', document)).toEqual([]);
    const told = document.data.changes.map(
      ({ inserted, updated, deleted, whole }: Record<string, unknown>) => [inserted, updated, deleted, whole],
    );
    expect(told).toEqual([
      [2, 0, 0, null],
      [0, 0, 0, 'truncated'],
      [0, 27, 0, null],
      [0, 0, 0, 'rewritten'],
      [30, 0, 3, null],
      [0, 0, 0, 'created'],
    ]);
    const orders = await project.succeed(['db', 'history', 'Sales.Order']);
    const deletion = orders.changes.find(({ deleted }: { deleted: number }) => deleted > 0);
    expect(deletion).toMatchObject({ deleted: 20, inserted: 0, updated: 0 });
    accident = String(deletion.transaction);
    const dropped = await project.succeed(['db', 'history', 'gone']);
    expect(dropped).toMatchObject({ exists: false, changes: [{ whole: 'dropped' }] });
    expect(dropped.changes[0].transaction).toBeGreaterThan(deletion.transaction);
    dropping = String(dropped.changes[0].transaction);
    const nothing = await project.invctl(['db', 'history', 'gone', '--since', '1s-ago', '--json']);
    expect(JSON.parse(nothing.stdout).data.changes).toEqual([]);
    const typed = await project.invctl(['db', 'history', 'passt', '--json']);
    expect(JSON.parse(typed.stdout).warnings.join()).toContain(
      'there is no table passt now: did you mean past?',
    );
    project.sql('DROP TABLE past');
  });

  it('reads a table that a transaction had locked which had not ended at the moment', async () => {
    const { code, stdout } = await restore('--to-before', dropping, '--table', 'gone');
    expect(code, stdout).toBe(0);
    const [{ into, rows }] = JSON.parse(stdout).data.tables;
    expect(rows).toBe(6);
    project.sql(`DROP TABLE ${into}`);
  });

  it('brings tables back beside the live ones, with how their rows differ, and takes nothing else back', async () => {
    const live = project.fingerprint();
    const { code, stdout } = await restore(
      ...['--to-before', accident],
      ...[
        '--table',
        'sales.order',
        '--table',
        'lines',
        '--table',
        'events',
        '--table',
        'secret',
        '--table',
        'GONE',
      ],
    );
    const document = JSON.parse(stdout);
    expect({ code, error: document.error }).toEqual({ code: 0, error: undefined });
    expect(schemaErrors('db-restore', document)).toEqual([]);
    // biome-ignore lint/suspicious/noExplicitAny: the committed schema holds it.
    const tables = document.data.tables as any[];
    expect(tables.map(({ table, rows, difference }) => [table, rows, difference])).toEqual([
      ['"Sales"."Order"', 200, { rows: 200, rowsNow: 181, onlyThen: 20, onlyNow: 1, changed: 7 }],
      ['public.lines', 600, { rows: 600, rowsNow: 540, onlyThen: 60, onlyNow: 0, changed: 0 }],
      ['public.events', 100, { rows: 100, rowsNow: 100, onlyThen: 0, onlyNow: 0, changed: 10 }],
      ['public.secret', 9, { rows: 9, rowsNow: 8, onlyThen: 1, onlyNow: 0, changed: null }],
      ['public.gone', 6, null],
    ]);
    const [order, lines, events, secret, gone] = tables;
    // What the live server understands by the same name is kept, and what it does not is readable all the same.
    expect(types(order.into)).toBe(
      'id bigint, Quoted " name text, feel mood, fits text, amount integer, price "Unit Price", total numeric, extra json, at timestamp with time zone',
    );
    expect(order.notes.join('\n')).toContain('the type public.quantity is another one now');
    expect(order.followers).toEqual([]);
    expect(lines.notes).toContain('not on the copy: 1 foreign key, 1 index');
    expect(project.sql(`SELECT relrowsecurity FROM pg_class WHERE oid = '${secret.into}'::regclass`)).toBe(
      't',
    );
    expect(
      project.sql(
        `SELECT count(*) FROM pg_index WHERE indrelid = '${events.into}'::regclass AND indisprimary`,
      ),
    ).toBe('1');
    for (const { into } of tables)
      expect(into.endsWith(`_before_${accident}`) || into.endsWith(`_before_${accident}"`)).toBe(true);
    // What it prints puts the rows back, parents first.
    for (const { putBack } of [
      { putBack: { insert: 'ALTER DOMAIN quantity DROP CONSTRAINT quantity_check' } },
      ...tables,
    ])
      for (const statement of [putBack.insert, putBack.update, putBack.rename])
        if (statement) project.sql(statement);
    expect(
      project.sql(
        `SELECT (SELECT count(*) FROM "Sales"."Order"), (SELECT count(*) FROM "Sales"."Order" WHERE "Quoted "" name" = 'overwritten'),
                (SELECT count(*) FROM lines), (SELECT count(*) FROM events WHERE what = 'wrong'),
                (SELECT count(*) FROM secret), (SELECT count(*) FROM gone)`,
      ),
    ).toBe('201|0|600|0|9|6');
    expect(gone.putBack.insert).toBeNull();
    for (const { into } of tables.slice(0, -1)) project.sql(`DROP TABLE ${into}`);
    expect(project.fingerprint()).not.toBe(live);
    nothingIsLeft();
  });

  it.each([
    [['--to', 'MOMENT', '--table', 'later'], 'TABLE_NOT_FOUND', 'there is no table later at that moment'],
    [['--to', 'MOMENT', '--table', 'lines', '--into', 'Events'], 'TABLE_EXISTS', 'public.events'],
    [['--to-before', '2000000000', '--table', 'lines'], 'TARGET_NOT_FOUND', 'was not committed'],
  ])('refuses %j, and changes nothing', async (args, code, message) => {
    const live = project.fingerprint();
    const { error } = JSON.parse(
      (await restore(...args.map((word) => (word === 'MOMENT' ? before : word)))).stdout,
    );
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(project.fingerprint()).toBe(live);
    nothingIsLeft();
  });

  it.each(
    faultSteps(
      killsOf('db restore --table', { only: 'copy' }).slice(1),
      killsOf('db restore --table').filter(([step, when]) => step !== 'copy' || when === 'before'),
    ),
  )('killed at step %s, %s it is noted, it is all there or not at all', async (step, when, noted) => {
    const live = project.fingerprint();
    const killed = await project.invctl(['db', 'restore', '--to', before, '--table', 'lines'], {
      env: killedAt(step, when),
    });
    expect(killed.code).toBeNull();
    const { recovered } = await project.succeed(['recover']);
    expect(recovered.map((one: { outcome: string }) => one.outcome)).toEqual(
      noted === undefined ? [] : [noted === 'remove' ? 'finished' : 'reverted'],
    );
    if (noted === 'remove')
      project.sql(
        `DO $$ BEGIN EXECUTE (SELECT 'DROP TABLE ' || oid::regclass FROM pg_class WHERE relname ~ '^lines_at_' AND relkind = 'r'); END $$`,
      );
    expect(project.fingerprint()).toBe(live);
    nothingIsLeft();
  });

  /** Of the second server. */
  function nothingIsLeft(): void {
    const found = execFileSync(
      'docker',
      ['container', 'ls', '--all', '--quiet', '--filter', `name=${project.name}-restore`],
      { encoding: 'utf8' },
    );
    expect(found).toBe('');
  }
});
