import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { ENTER, invctlOnTerminal } from '../../../support/terminal.js';
import { type DatabaseProject, startDatabaseProject } from './fixture.js';

/** The shop receives the table `feed` of another database of the same server, and is read by a slot of its own. */
const SUBSCRIBED = `
  CREATE TABLE feed (id integer PRIMARY KEY); CREATE TABLE items (id serial PRIMARY KEY, name text);
  INSERT INTO items (name) SELECT 'item ' || i FROM generate_series(1, 100) i;
  CREATE PUBLICATION shop_items FOR TABLE items;
  SELECT pg_create_logical_replication_slot('reader''s', 'pgoutput');`;

describe.skipIf(withoutDocker)('a database that takes part in replication', () => {
  let project: DatabaseProject;
  let file: string;

  beforeAll(async () => {
    project = startDatabaseProject('replication', {
      postgres: '17',
      command: ['postgres', '-c', 'wal_level=logical', '-c', 'max_prepared_transactions=5'],
    });
    project.sql('CREATE DATABASE source;');
    project.sql(
      `CREATE TABLE feed (id integer PRIMARY KEY); CREATE PUBLICATION feed FOR TABLE feed; INSERT INTO feed VALUES (1);
       SELECT pg_create_logical_replication_slot('feed_slot', 'pgoutput');`,
      'source',
    );
    project.sql(SUBSCRIBED.replaceAll(`reader''s`, 'readers'));
    project.sql(`CREATE SUBSCRIPTION "the feed" CONNECTION 'host=127.0.0.1 dbname=source user=owner'
      PUBLICATION feed WITH (create_slot = false, slot_name = 'feed_slot', copy_data = true);`);
    await arrives(1);
    ({ file } = await project.succeed(['db', 'backup', '--level', '3']));
  });

  afterAll(() => project?.remove());

  const received = () => Number(project.sql('SELECT count(*) FROM feed;'));
  const slots = () =>
    project.sql(`SELECT slot_name FROM pg_replication_slots WHERE NOT temporary ORDER BY 1`, 'postgres');
  const subscriptions = () =>
    project.sql(
      `SELECT datname || ' ' || subname || ' ' || subenabled FROM pg_subscription JOIN pg_database d ON d.oid = subdbid ORDER BY subenabled, 1`,
      'postgres',
    );
  const ours = () => project.databases().filter((name) => /_(restore|verify)_/.test(name));

  async function arrives(rows: number): Promise<void> {
    for (let tries = 0; tries < 100 && received() < rows; tries += 1) await sleep(100);
    expect(received()).toBe(rows);
  }

  it('is verified by a copy that receives nothing and leaves nothing', async () => {
    for (const level of ['2', '3']) await project.succeed(['db', 'verify', file, '--level', level]);
    expect(ours()).toEqual([]);
    expect(subscriptions()).toBe('shop the feed true');
    expect(slots()).toBe('feed_slot\nreaders');
  });

  it('is as it was after a restore that nobody confirmed', async () => {
    const terminal = invctlOnTerminal(['db', 'restore', file], { cwd: project.directory });
    await terminal.waitFor('replace the database shop?');
    terminal.type(ENTER);
    expect(await terminal.ended).toBe(1);
    expect(ours()).toEqual([]);
    expect(subscriptions()).toBe('shop the feed true');
    project.sql('INSERT INTO feed VALUES (2);', 'source');
    await arrives(2);
  });

  it('is restored with its subscription disabled, says what to do, and receives again after undo', async () => {
    const result = await project.invctl(['db', 'restore', file, '--yes', '--json']);
    expect(result).toMatchObject({ code: 0 });
    const { data, warnings } = JSON.parse(result.stdout);
    expect(subscriptions()).toBe(`shop the feed false\n${data.previous} the feed true`);
    expect(slots()).toBe('feed_slot\nreaders');
    project.sql('INSERT INTO feed VALUES (3);', 'source');
    await sleep(6000);
    expect(received()).toBe(1);
    expect(warnings).toEqual([
      expect.stringContaining('the subscription the feed is restored disabled'),
      expect.stringContaining('the replication slot readers stays with'),
    ]);

    await project.succeed(['db', 'restore', '--undo', '--yes']);
    await arrives(3);
    // What was restored is dropped with its subscription, and the publisher keeps its slot.
    await project.succeed(['db', 'restore', '--forget', '--confirm', project.name]);
    expect(subscriptions()).toBe('shop the feed true');
    expect(slots()).toBe('feed_slot\nreaders');
    project.sql('INSERT INTO feed VALUES (4);', 'source');
    await arrives(4);
  });

  it('goes on where the commands of the warning are typed', async () => {
    const { warnings } = JSON.parse(
      (await project.invctl(['db', 'restore', file, '--yes', '--json'])).stdout,
    );
    project.sql('TRUNCATE feed;');
    const command = /invctl (db psql .*)$/.exec(warnings[0])?.[1] as string;
    const words = execFileSync('sh', ['-c', `printf '%s\\n' ${command}`], { encoding: 'utf8' });
    expect((await project.invctl(words.trim().split('\n'))).code).toBe(0);
    await arrives(4);
    await project.succeed(['db', 'restore', '--undo', '--yes']);
    await project.succeed(['db', 'restore', '--forget', '--confirm', project.name]);
    expect(slots()).toBe('feed_slot\nreaders');
  });

  it('never starts by a dump that would start it', async () => {
    const dump = join(project.directory, 'starts.sql');
    writeFileSync(
      dump,
      `--\n-- PostgreSQL database dump\n--\n-- Dumped from database version 17.0\nCREATE TABLE public.feed (id integer PRIMARY KEY);
CREATE SUBSCRIPTION second CONNECTION 'host=127.0.0.1 dbname=source user=owner' PUBLICATION feed WITH (connect = false, slot_name = 'feed_slot');
ALTER SUBSCRIPTION second ENABLE;\n--\n-- PostgreSQL database dump complete\n--\n`,
    );
    await project.succeed(['db', 'restore', dump, '--yes']);
    expect(subscriptions()).toContain('shop second false');
    await project.succeed(['db', 'restore', '--undo', '--yes']);
    await project.succeed(['db', 'restore', '--forget', '--confirm', project.name]);
    expect(slots()).toBe('feed_slot\nreaders');
    expect(subscriptions()).toBe('shop the feed true');
  });

  it('with a prepared transaction is refused before the load, with the commands that end it', async () => {
    project.sql(`BEGIN; INSERT INTO items (name) VALUES ('late'); PREPARE TRANSACTION 'it''s "5" $HOME';`);
    const journal = project.psql();
    const refused = await project.invctl(['db', 'restore', file, '--yes', '--json']);
    await journal.end();
    expect(refused.code).toBe(1);
    const { error } = JSON.parse(refused.stdout);
    expect(error).toMatchObject({ code: 'PREPARED_TRANSACTIONS' });
    expect(error.message).toContain(`it''s "5" $HOME`);
    expect(ours()).toEqual([]);
    const command = /invctl (db psql .*?) {6}/.exec(error.hint)?.[1] as string;
    const words = execFileSync('sh', ['-c', `printf '%s\\n' ${command}`], { encoding: 'utf8' });
    expect((await project.invctl(words.trim().split('\n'))).code).toBe(0);
    expect(project.sql(`SELECT count(*) FROM items WHERE name = 'late'`)).toBe('1');
    await project.succeed(['db', 'restore', file, '--yes']);
  });
});
