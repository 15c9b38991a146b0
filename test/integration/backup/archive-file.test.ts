import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { proveDigest } from '../../../src/backup/archive.js';
import { ArchiveWriter, hashFile } from '../../../src/backup/archive-file.js';
import type { Archive } from '../../../src/backup/archive-kinds.js';
import type { Manifest } from '../../../src/backup/manifest.js';
import { mountSmallDisk, unmount } from '../../support/small-disk.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'invctl-archive-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function write(file: string, chunks: readonly Buffer[]) {
  const writer = await ArchiveWriter.create(file);
  for (const chunk of chunks) writer.write(chunk);
  return writer.finish();
}

describe('ArchiveWriter', () => {
  it('writes what it hashes, for its owner alone, and nothing over a file that is there', async () => {
    const file = join(folder, 'new.dump');
    const digest = await write(file, [Buffer.from('abc'), Buffer.alloc(0), randomBytes(300_000)]);
    expect(digest).toEqual(await hashFile(file));
    expect(digest.bytes).toBe(300_003);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await expect(ArchiveWriter.create(file)).rejects.toThrow();
  });

  it('names a folder that is none', async () => {
    await expect(ArchiveWriter.create(join(folder, 'new.dump', 'x'))).rejects.toMatchObject({
      code: 'NOT_A_FOLDER',
    });
  });
});

describe('a disk that fills up', () => {
  it('is an error of its own, not a short file', async ({ skip }) => {
    const disk = join(folder, 'disk');
    if (!mountSmallDisk(disk, '128k')) skip('this machine does not let us mount a small file system');
    try {
      const writer = await ArchiveWriter.create(join(disk, 'full.dump'));
      const written = pipeline(Readable.from([randomBytes(100_000), randomBytes(100_000)]), writer);
      await expect(written).rejects.toMatchObject({ code: 'DISK_FULL' });
      await writer.abandon();
    } finally {
      unmount(disk);
    }
  });
});

describe('the SHA-256 of a manifest', () => {
  it('finds 1,000 of 1,000 flipped bits and every cut from 1 to 99 percent', async () => {
    const file = join(folder, 'flipped.dump');
    const content = randomBytes(2000);
    const manifest = (await write(file, [content])) as unknown as Manifest;
    const archive: Archive & { manifest: Manifest } = { file, kind: 'custom', bytes: 2000, manifest };
    await proveDigest(archive);
    const damaged = { code: 'BACKUP_UNREADABLE', exitCode: 8 };
    for (let bit = 0; bit < 1000; bit += 1) {
      const changed = Buffer.from(content);
      const at = bit * 2;
      changed[at] = (changed[at] as number) ^ (1 << (bit % 8));
      writeFileSync(file, changed);
      await expect(proveDigest(archive)).rejects.toMatchObject(damaged);
    }
    for (let percent = 99; percent > 0; percent -= 1) {
      truncateSync(file, percent * 20);
      await expect(proveDigest(archive)).rejects.toMatchObject(damaged);
    }
  });
});
