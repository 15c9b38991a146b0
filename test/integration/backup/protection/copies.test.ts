import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CopyStore } from '../../../../src/backup/copy-store.js';
import { FolderStore } from '../../../../src/backup/folder-store.js';
import { planRecovery, windowsOf } from '../../../../src/backup/protection/catalogue.js';
import { copiedServers, fetchPlan, readCopied } from '../../../../src/backup/protection/copied.js';
import { type ProtectionRecord, readCatalogue, readRecord } from '../../../../src/backup/protection/place.js';
import { Shipper } from '../../../../src/backup/protection/ship.js';
import { segmentFile } from '../../../../src/postgres/wal.js';
import {
  contentOf,
  emptyPlace,
  oftenRestored,
  SEGMENT_BYTES,
  writePlace,
} from '../../../support/protection/place.js';

const { signal } = new AbortController();
const now = new Date(Math.floor(Date.now() / 1000) * 1000);
const TIMELINES = 12;
const ZEROS = Buffer.alloc(SEGMENT_BYTES / 2);

/** Counts what a bucket would be asked for. */
function counted(store: CopyStore, asked: string[]): CopyStore {
  return new Proxy(store, {
    get(target, name, receiver) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        asked.push([String(name), ...args.slice(0, 1)].join(' '));
        const result = value.apply(target, args);
        return name === 'folder'
          ? new Proxy(result, { get: (of, key) => Reflect.get(counted(of, asked), key, receiver) })
          : result;
      };
    },
  });
}

describe('the copies of a place after many restores', () => {
  let place: string;
  let other: string;
  let away: string;
  let asked: string[];
  let store: CopyStore;
  let record: ProtectionRecord;

  beforeEach(async () => {
    [place, other] = [emptyPlace(), emptyPlace()];
    away = mkdtempSync(join(tmpdir(), 'invctl away '));
    const opened = await FolderStore.open({ warn() {} }, away, {
      location: { directory: place } as never,
      settings: { backup: { folder: 'backups' } } as never,
    });
    asked = [];
    store = counted(opened, asked);
    await writePlace(place, oftenRestored({ timelines: TIMELINES, basesEach: 2, segmentsEach: 2, now }));
    record = (await readRecord(place)) as ProtectionRecord;
  });

  afterEach(() => {
    for (const folder of [place, other, away]) rmSync(folder, { recursive: true, force: true });
  });

  const shipper = () => new Shipper({ root: store, project: 'shop', place, recipients: [], takeOver: false });
  const theirs = async () => {
    const [server] = await copiedServers(store, 'shop');
    if (!server) throw new Error('nothing is copied');
    return server.store;
  };

  it('are listed once and read once each, and lead to the same moments', async () => {
    await shipper().ship({ signal });
    const server = await theirs();
    const known = new Map<string, string>();
    asked.length = 0;
    const copied = await readCopied(server, known);
    if (!copied) throw new Error('nothing is copied');
    expect(asked.filter((one) => one.startsWith('names'))).toHaveLength(1);
    // The record, the state, the marks, and the newest history, which has all the others in it.
    expect(asked.filter((one) => one.startsWith('readText'))).toHaveLength(2 + 2 * TIMELINES + 1);
    expect(asked).toHaveLength(1 + 2 + 2 * TIMELINES + 1);

    asked.length = 0;
    await readCopied(server, known);
    expect(asked).toEqual(['readText protection.json', 'readText state.json', 'names']);

    const here = await readCatalogue(place, record);
    expect(windowsOf(copied.catalogue)).toEqual(windowsOf(here));
    expect(copied.catalogue.histories.get(TIMELINES)).toEqual(here.histories.get(TIMELINES));
    expect(copied.catalogue.histories.get(7)).toEqual(here.histories.get(7));
    const plan = planRecovery(copied.catalogue);
    if (!plan) throw new Error('nothing leads to the latest moment');
    const onGap = (address: string) => {
      throw new Error(address);
    };
    const opener = () => {
      throw new Error('nothing is encrypted');
    };
    await fetchPlan(copied, other, { plan, record, opener, onGap }, { signal });
    const fetched = contentOf(other);
    expect(fetched.filter((name) => name.endsWith('.history'))).toEqual(
      contentOf(place).filter((name) => name.endsWith('.history')),
    );
    expect(planRecovery(await readCatalogue(other, record))?.base.id).toBe(planRecovery(here)?.base.id);
  });

  it('are not asked again for what is there when nothing was written since', async () => {
    const one = shipper();
    await one.ship({ signal });
    asked.length = 0;
    await one.ship({ signal });
    expect(asked.filter((request) => !/^readText protection.json|^folder/.test(request))).toEqual([]);
  });

  it('get the last segment of a timeline that has ended once, and again only when it is not as it was', async () => {
    const ended = '0000000B-0001';
    const name = segmentFile(11, 90, SEGMENT_BYTES);
    const file = join(place, 'wal', ended, `${name}.partial`);
    const write = (text: string) => writeFileSync(file, Buffer.concat([Buffer.from(text), ZEROS]));
    const sent = async (recipients: string[] = []) => {
      asked.length = 0;
      await new Shipper({ root: store, project: 'shop', place, recipients, takeOver: false }).ship({
        signal,
      });
      return asked.filter((request) => request.startsWith(`writeBytes wal.${ended}.${name}`)).length;
    };
    const pieces = () =>
      readdirSync(join(away, 'shop-protection')).filter((one) => one.includes(`${name}.piece.`));
    write('as far as it was received');
    // The receiver writes it: nobody knows whether what a process before this one read was final.
    const runs = readFileSync(join(place, 'state', 'runs'), 'utf8');
    writeFileSync(join(place, 'state', 'runs'), `${runs}1 ${ended}\n`);
    expect([await sent(), await sent()]).toEqual([1, 1]);
    writeFileSync(join(place, 'state', 'runs'), runs);
    expect([await sent(), await sent()]).toEqual([1, 0]);
    expect(pieces()).toHaveLength(1);
    // The restore was undone, and made again, while nobody sent copies.
    write('and some more, after the restore was undone');
    expect([await sent(), await sent()]).toEqual([1, 0]);
    rmSync(join(away, 'shop-protection', pieces()[0] as string));
    expect([await sent(), await sent()]).toEqual([1, 0]);
    const recipient = await identityToRecipient(await generateIdentity());
    expect([await sent([recipient]), await sent([recipient])]).toEqual([1, 0]);
    expect(pieces()).toEqual([expect.stringMatching(/\.gz\.age$/)]);
    writeFileSync(join(place, 'state', 'copied-ends.json'), '{"address":');
    expect([await sent([recipient]), await sent([recipient])]).toEqual([1, 0]);
  });

  it('name a mark that another program wrote over', async () => {
    await shipper().ship({ signal });
    const [id] = (await readCatalogue(place, record)).bases.map((base) => base.id);
    writeFileSync(
      join(away, 'shop-protection', `base.${id}.json`),
      JSON.stringify({ base: '{}', files: [] }),
    );
    await expect(readCopied(await theirs())).rejects.toMatchObject({ code: 'COPY_DAMAGED', exitCode: 8 });
  });

  it('are safe until what the last piece covers, once none before it is missing', async () => {
    const run = '0000000C-0001';
    const file = (number: number) => join(place, 'wal', run, segmentFile(TIMELINES, number, SEGMENT_BYTES));
    const receive = (number: number, covered: number, ofRun = run) => {
      writeFileSync(`${file(number)}.partial`, `WAL until ${covered}`);
      writeFileSync(
        join(place, 'state', 'now'),
        `state=receiving\nat=${covered}\ncovered=${covered}\nlsn=0/${(number * SEGMENT_BYTES + 8).toString(16).toUpperCase()}\ntimeline=${TIMELINES}\nrun=${ofRun}\nmessage=\n`,
      );
    };
    const one = shipper();
    const growth = async () => ((await one.shipGrowth({ signal })).covered?.getTime() ?? 0) / 1000;
    const open = (TIMELINES + 1) * 2 + 1;
    receive(open, 1000);
    expect(await growth()).toBe(0);
    await one.shipWal({ signal });
    receive(open, 1002);
    expect(await growth()).toBe(1002);
    // It is full, and the next one begins.
    renameSync(`${file(open)}.partial`, file(open));
    receive(open + 1, 1004);
    expect(await growth()).toBe(1004);
    receive(open + 1, 1006, '0000000B-0001');
    expect(await growth()).toBe(0);
    // So many at once go as a whole, and the newest alone in pieces.
    for (let number = open + 1; number < open + 80; number += 1) writeFileSync(file(number), 'WAL');
    rmSync(`${file(open + 1)}.partial`);
    receive(open + 80, 1008);
    expect(await growth()).toBe(0);
    await one.shipWal({ signal });
    expect(await growth()).toBe(1008);
  });
});
