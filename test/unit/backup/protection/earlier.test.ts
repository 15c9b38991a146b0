import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  earlierFolder,
  earlierServers,
  presentServer,
  putAside,
  takeUp,
} from '../../../../src/backup/protection/earlier.js';
import { contentOf, emptyPlace, writePlace } from '../../../support/protection/place.js';

const OLD = '7123456789012345678';
const NEW = '7123456789012345679';
/** In the order in which they are moved. */
const MOVED = ['system', 'bases', 'wal', 'state', 'protection.json'];
const at = new Date('2026-11-29T14:05:03Z');
const received = (system: string, numbers: number[]) => ({
  bases: [{ timeline: 1, segment: numbers[0] as number, endedAt: at }],
  runs: { '00000001-0001': numbers },
  live: [{ at, run: '00000001-0001' }],
  keepSeconds: 86_400,
  covered: at,
  system,
});

describe('what was received from the server before an upgrade', () => {
  const places: string[] = [];
  afterEach(() => {
    for (const place of places.splice(0)) rmSync(place, { recursive: true, force: true });
  });
  async function placeOfOld(): Promise<string> {
    const place = emptyPlace();
    places.push(place);
    await writePlace(place, received(OLD, [1, 2, 3]));
    writeFileSync(join(place, 'state', 'copy-owner'), 'an owner\n');
    writeFileSync(join(place, '.pgpass'), 'a password');
    return place;
  }

  it.each([...MOVED.keys(), MOVED.length])(
    'is moved to its own folder, also after a cut behind %i renames, and back from there',
    async (cut) => {
      const place = await placeOfOld();
      const before = contentOf(place);
      const folder = earlierFolder(place, OLD);
      mkdirSync(folder, { recursive: true });
      for (const name of MOVED.slice(0, cut)) renameSync(join(place, name), join(folder, name));
      await putAside(place, OLD, { major: 16, image: 'postgres:16' });
      expect(contentOf(folder)).toEqual(before);
      expect(await earlierServers(place)).toMatchObject([
        { folder, record: { systemIdentifier: OLD, major: 16, image: 'postgres:16' } },
      ]);
      // The receiver's login stays, and the machine is the same to the copies.
      expect(readdirSync(place).sort()).toEqual(['.pgpass', 'earlier', 'state']);
      expect(readFileSync(join(place, 'state', 'copy-owner'), 'utf8')).toBe('an owner\n');

      await writePlace(place, received(NEW, [1]));
      // Again, as `recover` does: what the new server has stays.
      await putAside(place, OLD);
      expect(contentOf(place)).toHaveLength(2);
      for (const name of MOVED.toReversed().slice(0, cut)) {
        rmSync(join(place, name), { recursive: true });
        renameSync(join(folder, name), join(place, name));
      }
      await takeUp(place, OLD);
      expect(contentOf(place)).toEqual(before);
      expect(readFileSync(join(place, 'system'), 'utf8')).toContain(OLD);
      expect(existsSync(folder)).toBe(false);
      await takeUp(place, OLD);
      expect(contentOf(place)).toEqual(before);
      expect(await presentServer(place)).toBe(OLD);
    },
  );
});
