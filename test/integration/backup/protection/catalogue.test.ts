import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { liveWal, planRecovery, windowsOf } from '../../../../src/backup/protection/catalogue.js';
import { earlierServers } from '../../../../src/backup/protection/earlier.js';
import { readCatalogue, readRecord } from '../../../../src/backup/protection/place.js';
import { knownProtection } from '../../../../src/backup/protection/receiver-state.js';
import { unneeded } from '../../../../src/backup/protection/retention.js';
import {
  emptyPlace,
  oftenRestored,
  type WrittenPlace,
  writePlace,
} from '../../../support/protection/place.js';

const now = new Date(Math.floor(Date.now() / 1000) * 1000);
const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000);

/** A base of ten minutes ago, and another one of five. */
const written: WrittenPlace = {
  bases: [
    { timeline: 1, segment: 1, endedAt: ago(600) },
    { timeline: 1, segment: 4, endedAt: ago(300) },
  ],
  runs: { '00000001-0001': [1, 2, 3, 4, 5] },
  live: [{ at: ago(700), run: '00000001-0001' }],
  keepSeconds: 86_400,
  covered: now,
};

describe('the catalogue of a place', () => {
  const places: string[] = [];
  afterEach(() => {
    for (const place of places.splice(0)) rmSync(place, { recursive: true, force: true });
  });

  async function place(of: WrittenPlace): Promise<{ folder: string; ids: string[] }> {
    const folder = emptyPlace();
    places.push(folder);
    return { folder, ids: await writePlace(folder, of) };
  }

  async function catalogueOf(folder: string) {
    const record = await readRecord(folder);
    if (!record) throw new Error('no record');
    return readCatalogue(folder, record);
  }

  // A cost that grows with the square of any of them takes minutes here.
  it('is read in moments after a hundred restores with two bases each', { timeout: 30_000 }, async () => {
    const { folder, ids } = await place(
      oftenRestored({ timelines: 100, basesEach: 2, segmentsEach: 4, now }),
    );
    const catalogue = await catalogueOf(folder);
    expect(catalogue.bases.length).toBe(200);
    expect(windowsOf(catalogue)).toEqual([{ from: catalogue.bases[0]?.endedAt, until: now }]);
    const latest = planRecovery(catalogue);
    expect([latest?.base.id, latest?.timeline, latest?.segments.length]).toEqual([ids.at(-1), 100, 5]);
    const early = planRecovery(catalogue, ago(98.5 * 3600));
    expect([early?.base.id, early?.timeline]).toEqual([ids[3], 2]);
    expect(liveWal(catalogue).length).toBe(401);
    expect(unneeded(catalogue, 1800, now).bases.length).toBe(199);
  });

  it('goes over two timelines that left a third at the same place, and takes the one that lives', async () => {
    const left = [{ timeline: 1, segment: 3 }];
    const { folder, ids } = await place({
      ...written,
      bases: [{ timeline: 1, segment: 1, endedAt: ago(600) }],
      runs: { '00000001-0001': [1, 2, 3], '00000002-0001': [3, 4], '00000003-0001': [3, 4, 5] },
      histories: { 2: left, 3: left },
      live: [
        { at: ago(700), run: '00000001-0001' },
        { at: ago(400), run: '00000002-0001' },
        { at: ago(200), run: '00000003-0001' },
      ],
    });
    const catalogue = await catalogueOf(folder);
    expect(windowsOf(catalogue)).toEqual([{ from: ago(600), until: now }]);
    const runsOf = (moment?: Date) => planRecovery(catalogue, moment)?.segments.map(({ run }) => run);
    const [first, second, third] = ['00000001-0001', '00000002-0001', '00000003-0001'];
    expect(runsOf()).toEqual([first, first, third, third, third]);
    expect(runsOf(ago(300))).toEqual([first, first, second, second]);
    expect(runsOf(ago(500))).toEqual([first, first, first]);
    expect(planRecovery(catalogue)?.base.id).toBe(ids[0]);
  });

  it('leaves out a base without the WAL that it needs, and brings back from the one before it', async () => {
    const { folder, ids } = await place({
      ...written,
      bases: [...written.bases, { timeline: 1, segment: 9, endedAt: ago(30) }],
    });
    expect(planRecovery(await catalogueOf(folder))?.base.id).toBe(ids[1]);
  });

  it.each([
    ['half of it', '{"id":"20261129T120000Z","startedAt":17'],
    ['nothing', ''],
    ['a list', '[]'],
    ['another position', '{"id":"x","startedAt":1,"endedAt":2,"timeline":1,"startLsn":"?","endLsn":"0/1"}'],
  ])('names a mark of a base that holds %s, and goes on with the other bases', async (_, text) => {
    const { folder, ids } = await place(written);
    const mark = join(folder, 'bases', ids[1] as string, 'base.json');
    writeFileSync(mark, text);
    const catalogue = await catalogueOf(folder);
    expect(catalogue.unreadable).toEqual([mark]);
    expect(planRecovery(catalogue)?.base.id).toBe(ids[0]);
    const services = { 'db-protect': {} } as never;
    const known = await knownProtection(folder, { services }, { backup: {} } as never);
    expect(known?.message).toContain(`${mark} cannot be read`);
  });

  it('looks past what is nobody’s: files, folders, a base that is being written or removed', async () => {
    const { folder, ids } = await place(written);
    const before = await catalogueOf(folder);
    writeFileSync(join(folder, 'bases', 'notes.txt'), 'mine');
    writeFileSync(join(folder, 'wal', 'README'), 'mine');
    writeFileSync(join(folder, 'wal', '00000001-0001', '000000010000000000000003 (copy)'), 'mine');
    writeFileSync(join(folder, 'wal', '00000001-0001', '.DS_Store'), 'mine');
    writeFileSync(join(folder, 'bases', '20301129T120000Z'), 'a file with a name of a base');
    for (const name of ['20301129T120001Z', '20301129T120002Z.partial', 'lost+found'])
      mkdirSync(join(folder, 'bases', name));
    writeFileSync(join(folder, 'bases', '20301129T120002Z.partial', 'base.json'), '{}');
    mkdirSync(join(folder, 'wal', '000000FF-0001'));
    const after = await catalogueOf(folder);
    expect({ ...after, runs: after.runs.filter(({ segments }) => segments.length > 0) }).toEqual(before);
    expect(after.bases.map(({ id }) => id)).toEqual(ids);
  });

  it.each(['', '{"systemIdentifier": "75', '[]', '{"systemIdentifier": 7}'])(
    'says what to type where the record of the server is %o',
    async (text) => {
      const { folder } = await place(written);
      writeFileSync(join(folder, 'protection.json'), text);
      await expect(readRecord(folder)).rejects.toMatchObject({
        code: 'PROTECTION_DAMAGED',
        exitCode: 8,
        hint: expect.stringMatching(/^mv '(.+)' '\1\.damaged' && invctl db protect on /),
      });
      const receiver = {
        environment: { PGUSER: 'invctl_protect' },
        mounts: [{ target: '/protection', source: folder }],
      };
      const services = { receiver } as never;
      expect(await knownProtection(folder, { services }, { backup: {} } as never)).toEqual({
        receiver: 'waiting',
        message: expect.stringContaining('was cut or edited'),
        windows: [],
      });
    },
  );

  it.skipIf(process.getuid?.() !== 0)(
    'says how a place that came as another user’s becomes readable',
    async () => {
      const { folder } = await place(written);
      const mine = mkdtempSync(join(tmpdir(), 'invctl-owner-'));
      places.push(mine);
      const nobody = 65_534;
      cpSync(folder, join(mine, 'protection'), { recursive: true });
      chmodSync(join(mine, 'protection'), 0o700);
      chownSync(mine, nobody, nobody);
      process.seteuid?.(nobody);
      try {
        await expect(readRecord(join(mine, 'protection'))).rejects.toMatchObject({
          code: 'NOT_READABLE',
          hint: expect.stringContaining(`sudo chown -R "$(id -u):$(id -g)" ${join(mine, 'protection')} `),
        });
        await expect(earlierServers(join(mine, 'protection'))).rejects.toMatchObject({
          code: 'NOT_READABLE',
        });
      } finally {
        process.seteuid?.(0);
      }
    },
  );
});
