import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { atFullSize } from '../../../support/fault-counts.js';
import { untilSafe } from '../../../support/protection/until.js';
import { type DatabaseProject, startDatabaseProject } from '../database/fixture.js';

/** PostgreSQL 17 and later: each test begins where the one before it ended. */
describe.skipIf(withoutDocker || !atFullSize)('incremental base backups on Docker', () => {
  let project: DatabaseProject;
  let away: string;
  let place: string;
  // biome-ignore lint/suspicious/noExplicitAny: the committed schema holds it.
  let first: any;
  // biome-ignore lint/suspicious/noExplicitAny: the committed schema holds it.
  let second: any;

  beforeAll(async () => {
    project = startDatabaseProject('protect-incremental', { postgres: '17' });
    place = join(project.directory, 'backups', 'protection');
    away = mkdtempSync(join(tmpdir(), 'invctl away '));
    writeFileSync(join(project.directory, 'invctl.yaml'), JSON.stringify({ backup: { copyTo: away } }));
    project.sql(`CREATE TABLE notes (id int PRIMARY KEY, text text NOT NULL);
      INSERT INTO notes SELECT i, md5(i::text) || md5((-i)::text) FROM generate_series(1, 100000) i;
      VACUUM (FREEZE, ANALYZE) notes;`);
    await project.succeed(['db', 'protect', 'on', '--yes']);
  });

  afterAll(() => {
    project?.remove();
    rmSync(away, { recursive: true, force: true });
  });

  const safe = () => untilSafe(() => project.succeed(['db', 'protect', 'status']));

  const content = () => project.sql(`SELECT md5(string_agg(text, '' ORDER BY id)) FROM notes`);

  it('hold the changes alone', async () => {
    expect(project.sql('SHOW summarize_wal')).toBe('on');
    ({ base: first } = await project.succeed(['db', 'backup', '--base']));
    project.sql(`UPDATE notes SET text = 'changed' WHERE id <= 100; CHECKPOINT;`);
    ({ base: second } = await project.succeed(['db', 'backup', '--base']));
    const { protection } = await project.succeed(['db', 'list']);
    const listed = protection.bases.find(({ id }: { id: string }) => id === second.id);
    expect(listed.parent).toBe(first.id);
    const full = protection.bases.at(-1);
    expect(full.parent).toBeNull();
    expect(second.bytes).toBeLessThan(full.bytes * 0.75);
  });

  it('are brought back with what they are made of', async () => {
    project.sql(`UPDATE notes SET text = 'after the base' WHERE id = 5;`);
    await safe();
    const drill = await project.succeed(['db', 'verify', '--to', 'latest']);
    expect(drill).toMatchObject({ base: second.id, amcheck: true, tables: [{ rows: 100_000 }] });
  });

  it('are fetched from the copies with what they are made of', async () => {
    await safe();
    await project.succeed(['db', 'copy']);
    const full = readdirSync(join(place, 'bases')).sort()[0] as string;
    // Without its parents none of them counts.
    rmSync(join(place, 'bases', full), { recursive: true });
    const drill = await project.succeed(['db', 'verify', '--to', 'latest']);
    expect(drill.tables).toEqual([{ name: 'public.notes', rows: 100_000 }]);
    expect(statSync(join(place, 'bases', full, 'base.json')).size).toBeGreaterThan(0);
  });

  it('are brought back in the place of the live server', async () => {
    const before = content();
    const { rows } = await project.succeed(['db', 'restore', '--to', 'latest', '--yes']);
    expect(rows).toEqual([{ table: 'public.notes', before: 100_000, after: 100_000 }]);
    expect(content()).toBe(before);
    await project.succeed(['db', 'restore', '--undo', '--yes']);
  });

  it('leave the server as it was', async () => {
    await project.succeed(['db', 'protect', 'off', '--yes']);
    expect(project.sql('SHOW summarize_wal')).toBe('off');
  });
});
