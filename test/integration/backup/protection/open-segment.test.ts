import { mkdtempSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CopyStore } from '../../../../src/backup/copy-store.js';
import { FolderStore } from '../../../../src/backup/folder-store.js';
import { readNames } from '../../../../src/backup/protection/copy-names.js';
import { OpenSegment } from '../../../../src/backup/protection/open-segment.js';
import { joinPieces } from '../../../../src/backup/protection/pieces.js';
import { unpack } from '../../../../src/backup/protection/stored-file.js';

const RUN = '00000001-0001';
const SEGMENT = '000000010000000000000006';
const MB = 1024 * 1024;
const { signal } = new AbortController();

/** As `pg_receivewal` writes: a file of the full size, of which the rest is zeros. */
class Receiver {
  readonly file: string;

  constructor(folder: string, segmentBytes: number) {
    this.file = join(folder, `${SEGMENT}.partial`);
    writeFileSync(this.file, '');
    truncateSync(this.file, segmentBytes);
  }

  /** No bytes of its own are zero, so that each of them counts. */
  async write(at: number, bytes: number): Promise<void> {
    const content = Buffer.alloc(bytes);
    for (let index = 0; index < bytes; index += 1) content[index] = 1 + ((at + index) % 255);
    const handle = await open(this.file, 'r+');
    await handle.write(content, 0, bytes, at);
    await handle.close();
  }
}

describe.each([{ segmentBytes: MB }, { segmentBytes: 64 * MB }])(
  'a segment of $segmentBytes bytes that is being received',
  ({ segmentBytes }) => {
    let folder: string;
    let away: string;
    let store: CopyStore;
    let receiver: Receiver;
    let orders: number;

    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), 'invctl open '));
      away = mkdtempSync(join(tmpdir(), 'invctl away '));
      const location = { directory: folder } as never;
      store = await FolderStore.open({ warn() {} }, away, {
        location,
        settings: { backup: { folder: 'backups' } } as never,
      });
      receiver = new Receiver(folder, segmentBytes);
      orders = 0;
    });

    afterEach(() => {
      for (const path of [folder, away]) rmSync(path, { recursive: true, force: true });
    });

    const begin = () =>
      new OpenSegment({ store, run: RUN, segment: SEGMENT, recipients: [], nextOrder: () => ++orders });
    const send = (open: OpenSegment, flushed = 0) =>
      open.send(receiver.file, { flushed, beforeSend: async () => {}, signal });

    /** The bytes that a restore would get, and whether it would be told that some are missing. */
    async function restored(): Promise<{ content: Buffer; missing: boolean }> {
      const { parts, missing } = joinPieces(readNames(await store.names(), segmentBytes).pieces);
      const read = await Promise.all(
        parts.map(async ({ piece, from, to }) => {
          const stored = await unpack(await store.read(piece.name, signal), piece.packing, () => {
            throw new Error('nothing is encrypted');
          });
          return (await buffer(stored)).subarray(from - piece.from, to - piece.from);
        }),
      );
      return { content: Buffer.concat(read), missing };
    }

    async function written(bytes: number): Promise<Buffer> {
      const handle = await open(receiver.file);
      const { buffer: content } = await handle.read(Buffer.alloc(bytes), 0, bytes, 0);
      await handle.close();
      return content;
    }

    async function expectRestored(bytes: number): Promise<void> {
      const { content, missing } = await restored();
      expect({ bytes: content.length, missing }).toEqual({ bytes, missing: false });
      expect(content.equals(await written(bytes))).toBe(true);
    }

    it('goes in pieces that are its beginning at any time, and that stay few and small', async () => {
      const open = begin();
      let end = 0;
      let sent = 0;
      for (let round = 1; round <= 50; round += 1) {
        const bytes = Math.min(segmentBytes - end, 1 + ((round * 7919) % 9000));
        await receiver.write(end, bytes);
        end += bytes;
        const known = new Set(open.pieces.map(({ name }) => name));
        await send(open, end);
        for (const piece of open.pieces) if (!known.has(piece.name)) sent += piece.to - piece.from;
        if (round % 25 === 0) await expectRestored(end);
      }
      expect(open.pieces.length).toBeLessThan(12);
      expect(sent).toBeLessThan(9 * end);
      // What is not one of the pieces any more may go.
      for (const name of readdirSync(away)) {
        if (!open.pieces.some((piece) => piece.name === name)) rmSync(join(away, name));
      }
      await expectRestored(end);
    });

    it('costs nothing while nothing is written', async () => {
      await receiver.write(0, 5000);
      const open = begin();
      await send(open, 0);
      await send(open, 5000);
      await send(open, 5000);
      expect(readdirSync(away)).toHaveLength(1);
    });

    it('is sent again from a byte on that was read before it was written', async () => {
      await receiver.write(0, 50_000);
      // What comes after it could be seen already.
      await receiver.write(60_000, 100);
      const open = begin();
      await send(open, 50_000);
      await receiver.write(50_000, 10_000);
      await send(open, 50_000);
      await expectRestored(60_100);
      // And where nothing comes after it.
      await receiver.write(60_100, 400);
      await send(open, 60_500);
      await expectRestored(60_500);
    });

    it('is sent again by a process that follows one that was killed, and is whole meanwhile', async () => {
      await receiver.write(0, 700_000);
      const killed = begin();
      await send(killed);
      await receiver.write(700_000, 20_000);
      await send(killed);
      // A power cut can leave these.
      writeFileSync(join(away, `.wal.${RUN}.${SEGMENT}.piece.9.0-5.gz.0123456789ab.partial`), 'torn');
      const next = begin();
      await send(next);
      await expectRestored(720_000);
      for (const { name } of killed.pieces) rmSync(join(away, name));
      await expectRestored(720_000);
    });

    it('ends before a piece that is missing, which is said', async () => {
      const open = begin();
      for (const [at, bytes] of [
        [0, 500_000],
        [500_000, 100_000],
        [600_000, 10_000],
      ] as const) {
        await receiver.write(at, bytes);
        await send(open, at + bytes);
      }
      const [first, second] = open.pieces;
      rmSync(join(away, second?.name as string));
      const { content, missing } = await restored();
      expect({ bytes: content.length, missing }).toEqual({ bytes: first?.to, missing: true });
    });

    it('goes on where it was after a place that was away', async () => {
      await receiver.write(0, 300_000);
      const open = begin();
      renameSync(away, `${away}.unplugged`);
      await expect(send(open)).rejects.toMatchObject({ code: 'COPIES_UNREACHABLE' });
      expect(open).toMatchObject({ pieces: [], complete: false });
      renameSync(`${away}.unplugged`, away);
      await send(open);
      expect(open.complete).toBe(true);
      await expectRestored(300_000);
    });
  },
);
