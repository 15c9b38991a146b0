import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { fileKind, folderKind } from '../../../src/backup/file-kind.js';
import { unpack, unpackGzip } from '../../../src/backup/unpack.js';
import { UserError } from '../../../src/errors.js';

const noPrograms = {
  run: async (program: string) => {
    throw new UserError({ code: 'PROGRAM_NOT_FOUND', message: program });
  },
};
const text = Buffer.from('-- PostgreSQL database dump\n'.repeat(10_000));

async function all(stream: Readable): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

describe('unpack', () => {
  it('gives what is not packed as it is, from its first byte', async () => {
    for (const bytes of [text, Buffer.alloc(0), Buffer.from('a')]) {
      const { stream, start, packings } = await unpack(
        Readable.from([bytes], { objectMode: false }),
        noPrograms,
      );
      expect(packings).toEqual([]);
      expect(start.equals(bytes.subarray(0, 64 * 1024))).toBe(true);
      expect((await all(stream)).equals(bytes)).toBe(true);
    }
  });

  it('unpacks gzip, in gzip again, and in members one behind the other', async () => {
    const two = Buffer.concat([gzipSync(text), gzipSync(text)]);
    const { stream, packings } = await unpack(Readable.from([gzipSync(two)]), noPrograms);
    expect(packings).toEqual(['gzip', 'gzip']);
    expect((await all(stream)).equals(Buffer.concat([text, text]))).toBe(true);
  });

  it('says what is cut', async () => {
    const packed = gzipSync(text);
    const cut = await unpackGzip(Readable.from([packed.subarray(0, packed.length - 9)]));
    await expect(all(cut)).rejects.toMatchObject({ code: 'BACKUP_UNREADABLE', exitCode: 8 });
  });

  it('names the command where there is no program', async () => {
    const xz = Readable.from([Buffer.from('\xfd7zXZ\0\0\0', 'latin1')]);
    await expect(unpack(xz, noPrograms)).rejects.toMatchObject({
      code: 'PACKED',
      hint: expect.stringContaining('xz -dc'),
    });
  });
});

describe('fileKind', () => {
  it.each([
    ['custom', 'PGDMP\x01'],
    ['tar', `toc.dat${'\0'.repeat(250)}ustar`],
    ['sqlite', 'SQLite format 3\0'],
    ['html', '\n<!DOCTYPE HTML>'],
    ['empty', ''],
    ['text', 'SELECT 1;'],
  ])('knows %s', (kind, start) => {
    expect(fileKind(Buffer.from(start, 'latin1'))).toBe(kind);
  });

  it('tells folders apart', () => {
    expect(folderKind(['toc.dat', '1.dat.gz'])).toBe('dump');
    expect(folderKind(['d/', 'd/toc.dat'])).toBe('dump in a folder');
    expect(folderKind(['./', './PG_VERSION'])).toBe('data folder');
    expect(folderKind(['backup_label'])).toBe('data folder');
    expect(folderKind(['a.sql'])).toBe('other');
  });
});
