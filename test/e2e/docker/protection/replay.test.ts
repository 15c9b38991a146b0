import { execFileSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { spread } from '../../../support/fault-counts.js';
import { untilProtection, untilSafe } from '../../../support/protection/until.js';
import { type DatabaseProject, startDatabaseProject } from '../database/fixture.js';

/** How long the ledger is replayed; the usual suites have no time for it. */
const seconds = Number(process.env.REPLAY_SECONDS ?? 0);
/** How many of the seconds are brought back. */
const moments = Number(process.env.REPLAY_MOMENTS ?? 5);
/** A file of order lines with a header (invoice, code, …, quantity in the fourth column); else lines like it. */
const csv = process.env.REPLAY_CSV;
const PAUSE_MS = 40;

interface Line {
  /** When its transaction was begun, and when its commit was acknowledged: milliseconds of this machine's clock. */
  begun: number;
  acknowledged: number;
}

/** Endless; a line in fifty is a return. */
async function* ledger(): AsyncGenerator<{ code: string; quantity: number }> {
  for (let number = 0; ; ) {
    if (csv !== undefined) {
      let header = true;
      for await (const text of createInterface({ input: createReadStream(csv) })) {
        const parts = text.split(',');
        const quantity = Number(parts[3]);
        if (!header && Number.isInteger(quantity) && quantity !== 0)
          yield { code: parts[1] as string, quantity };
        header = false;
      }
    } else {
      number += 1;
      yield { code: `C${number % 400}`, quantity: number % 50 === 0 ? -1 : 1 + (number % 12) };
    }
  }
}

describe.skipIf(withoutDocker || seconds === 0)(
  'a ledger that is replayed under protection on Docker',
  () => {
    let project: DatabaseProject;
    const status = () => project.succeed(['db', 'protect', 'status']);
    const lines: Line[] = [];

    beforeAll(async () => {
      project = startDatabaseProject('protect-replay', { more: '    ports: ["127.0.0.1::5432"]\n' });
      project.sql(`CREATE TABLE stock (code text PRIMARY KEY, quantity bigint NOT NULL);
      CREATE TABLE movements (id bigserial PRIMARY KEY, code text NOT NULL, quantity int NOT NULL);`);
      await project.succeed(['db', 'protect', 'on', '--yes']);
      await untilProtection(status, ({ windows }) => windows.length > 0);
    });

    afterAll(() => project?.remove());

    async function replay(connection: pg.Client, until: number): Promise<void> {
      for await (const { code, quantity } of ledger()) {
        if (Date.now() >= until) return;
        const begun = Date.now();
        await connection.query('BEGIN');
        await connection.query('INSERT INTO movements (code, quantity) VALUES ($1, $2)', [code, quantity]);
        await connection.query(
          `INSERT INTO stock VALUES ($1, $2) ON CONFLICT (code) DO UPDATE SET quantity = stock.quantity + $2`,
          [code, quantity],
        );
        await connection.query('COMMIT');
        lines.push({ begun, acknowledged: Date.now() });
        await sleep(PAUSE_MS);
      }
    }

    it(`is, in each of ${moments} seconds that are brought back, what it was then`, {
      timeout: (seconds + moments * 180 + 300) * 1000,
    }, async () => {
      const address = execFileSync('docker', ['compose', 'port', 'db', '5432'], {
        cwd: project.directory,
        encoding: 'utf8',
      }).trim();
      const connectionString = `postgresql://owner:seeded-marker-password@${address}/shop`;
      const connection = new pg.Client({ connectionString });
      await connection.connect();
      const from = Date.now();
      const rest = replay(connection, from + seconds * 1000);
      await sleep(seconds * 500);
      await project.succeed(['db', 'backup', '--base']);
      project.sql('SELECT pg_switch_wal()');
      await rest;
      await connection.end();
      await untilSafe(status);
      // In the pause behind a line: what was acknowledged is in, and nothing else was begun.
      const last = lines.length - 1;
      for (const index of spread(moments, last)) {
        const at = (lines[index]?.acknowledged ?? 0) + PAUSE_MS / 2;
        if ((lines[index + 1]?.begun ?? Number.POSITIVE_INFINITY) <= at) continue;
        const drill = await project.succeed([
          'db',
          'verify',
          '--to',
          new Date(at).toISOString().replace('T', ' '),
        ]);
        const movements = drill.tables.find(({ name }: { name: string }) => name === 'public.movements');
        expect({ at, rows: movements?.rows }).toEqual({ at, rows: index + 1 });
      }
    });

    it('has a DELETE that is found, and what was before it, as a table and whole', {
      timeout: 900_000,
    }, async () => {
      const content = (table: string) =>
        project.sql(`SELECT count(*), sum(quantity), md5(string_agg(code, ',' ORDER BY id)) FROM ${table}`);
      const before = content('movements');
      const deleted = Number(
        project.sql(`DELETE FROM movements WHERE id % 3 = 0 RETURNING id`).split('\n').length,
      );
      project.sql(`INSERT INTO movements (code, quantity) VALUES ('C1', 1)`);
      await untilSafe(status);
      const { changes } = await project.succeed(['db', 'history', 'movements']);
      const found = changes.find((change: { deleted: number }) => change.deleted > 0);
      expect(found.deleted).toBe(deleted);
      const target = ['db', 'restore', '--to-before', String(found.transaction), '--yes'];
      const { tables } = await project.succeed([...target, '--table', 'movements']);
      expect(content(tables[0].into)).toBe(before);
      expect(tables[0].difference).toMatchObject({ onlyThen: deleted, onlyNow: 1, changed: 0 });
      await project.succeed(target);
      expect(content('movements')).toBe(before);
    });
  },
);
