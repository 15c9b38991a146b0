import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { atFullSize } from '../../../support/fault-counts.js';
import { killedAfterRename } from '../../../support/kill-at-step.js';
import { untilSafe } from '../../../support/protection/until.js';
import { startDatabaseProject } from '../database/fixture.js';

/** The lines that `db protect on` writes. */
const RECEIVER = /\n *# invctl db protect: from here[\s\S]*# invctl db protect: to here\n/;

/** Major of the client programs in an image of PostgreSQL; those of the official one are its own. */
function programsOf(major: number): number {
  const command = ['run', '--rm', '--entrypoint', 'pg_receivewal', `postgres:${major}`, '--version'];
  return Number(/(\d+)\./.exec(execFileSync('docker', command, { encoding: 'utf8' }))?.[1]);
}

/** With every kill: ../database/upgrade.test.ts and upgrade-faults.test.ts. */
describe.skipIf(withoutDocker || !atFullSize)('a protected server on Docker', { timeout: 1_200_000 }, () => {
  it.for([
    { from: 15, to: 16, override: false },
    { from: 16, to: 17, override: true },
    { from: 17, to: 18, override: false },
  ])(
    'is protected after an upgrade from $from to $to; receiver in another file: $override',
    async ({ from, to, override }, { skip }) => {
      const programs = programsOf(to);
      if (programs < to)
        return skip(`postgres:${to} has client programs of ${programs} here, which receive nothing from it`);
      const project = startDatabaseProject(`protect-${from}-${to}`, { postgres: String(from) });
      onTestFinished(() => project.remove());
      const [file, other] = ['compose.yaml', 'compose.override.yaml'].map((name) =>
        join(project.directory, name),
      ) as [string, string];
      const safe = () => untilSafe(() => project.succeed(['db', 'protect', 'status']));
      project.sql('CREATE TABLE answers AS SELECT 42 AS answer');
      await project.succeed(['db', 'protect', 'on', '--yes']);
      if (override) {
        const text = readFileSync(file, 'utf8');
        writeFileSync(other, `services:\n${RECEIVER.exec(text)?.[0]}`);
        writeFileSync(file, text.replace(RECEIVER, '\n'));
        await project.succeed(['up']);
      }
      await safe();
      const moment = project.sql(
        `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS"Z"')`,
      );
      await safe();
      const texts = () => (override ? [file, other] : [file]).map((name) => readFileSync(name, 'utf8'));
      const before = texts();
      const go = ['db', 'upgrade', '--to', String(to), '--yes'];
      if (override) {
        // With the one file in place and the other not, it goes back.
        const killed = await project.invctl(go, { env: killedAfterRename('compose.override.yaml') });
        expect(killed.code, killed.stderr).toBeNull();
        expect(texts()).not.toEqual(before);
        const { recovered } = await project.succeed(['recover']);
        expect(recovered).toMatchObject([{ step: 'switch', outcome: 'reverted' }]);
        expect(texts()).toEqual(before);
        await safe();
      }
      const { diff, protected: goesOn } = await project.succeed(go);
      expect(goesOn).toBe(true);
      expect(diff.split(`+    image: postgres:${to}`).length - 1).toBe(2);
      expect(texts().join('')).not.toContain(`image: postgres:${from}`);
      expect(project.sql(`SELECT current_setting('server_version_num')::int / 10000`)).toBe(String(to));
      project.sql('UPDATE answers SET answer = 43');
      expect(await safe()).toMatchObject({
        receiver: 'receiving',
        message: '',
        windows: [{}],
        earlier: [{ major: from, windows: [{}] }],
      });
      const { tables } = await project.succeed([
        ...['db', 'restore', '--to', moment, '--table', 'answers', '--yes'],
      ]);
      expect(project.sql(`SELECT answer FROM ${tables[0].into}`)).toBe('42');
      const { tables: latest } = await project.succeed(['db', 'verify', '--to', 'latest']);
      expect(latest).toContainEqual({ name: 'public.answers', rows: 1 });
    },
  );
});
