import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip, type Gzip } from 'node:zlib';
import { connect } from './server.js';

export interface BaseBackupOptions {
  folder: string;
  label: string;
}

/**
 * Replaces `pg_basebackup --format=tar --wal-method=none --checkpoint=fast --compress=client-gzip:1`, for a
 * server without tablespaces. Messages of the copy: `n` a new archive, `m` the manifest begins, `d` data, `p`
 * progress.
 */
export async function baseBackup({ folder, label }: BaseBackupOptions): Promise<void> {
  await mkdir(folder, { mode: 0o700 });
  const { client, connection } = await connect('pg_basebackup', true);
  const archive = createGzip({ level: 1 });
  const written = pipeline(
    archive,
    createWriteStream(join(folder, 'base.tar.gz'), { mode: 0o600, flush: true, highWaterMark: 1024 * 1024 }),
  );
  // A full disk must end the copy, too.
  written.catch(() => client.end());
  const manifest: Buffer[] = [];
  let inManifest = false;
  connection.on('copyData', ({ chunk }) => {
    if (chunk[0] === 0x6d) inManifest = true;
    else if (chunk[0] !== 0x64) return;
    else if (inManifest) manifest.push(Buffer.from(chunk.subarray(1)));
    else if (!archive.write(Buffer.from(chunk.subarray(1)))) void drained(archive, connection.stream);
  });
  try {
    await client.query(
      `BASE_BACKUP (LABEL '${label.replaceAll("'", "''")}', CHECKPOINT 'fast', WAIT 0, MANIFEST 'yes')`,
    );
    archive.end();
    await written;
    await writeFile(join(folder, 'backup_manifest'), Buffer.concat(manifest), { mode: 0o600, flush: true });
  } catch (error) {
    // The first cause of the failure if the disk was full.
    archive.destroy();
    await written;
    throw error;
  } finally {
    await client.end().catch(() => {});
  }
}

async function drained(archive: Gzip, stream: { pause(): void; resume(): void }): Promise<void> {
  stream.pause();
  await once(archive, 'drain').catch(() => {});
  stream.resume();
}
