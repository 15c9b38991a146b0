import { createInterface } from 'node:readline';
import type { RecoveryPlan } from '../../backup/protection/catalogue.js';
import { findStored, type Opener, readStored } from '../../backup/protection/stored-file.js';
import { ExitCode, UserError } from '../../errors.js';

/** A file of a base backup, one a line of its manifest. */
const MANIFEST_SIZE = /"Size": (\d+)/;
/** A server that recovers keeps as much of the WAL that it has read: `max_wal_size` as it comes. */
const KEPT_WAL_BYTES = 1024 ** 3;
/** Those that it writes from there on. */
const NEW_SEGMENTS = 2;

/**
 * Returns about how many bytes a second server takes until it stands at its target; undefined: a base backup
 * has no manifest.
 */
export async function bytesBeside(
  { chain, segments }: Pick<RecoveryPlan, 'chain' | 'segments'>,
  segmentBytes: number,
  opener: Opener,
): Promise<number | undefined> {
  const sizes: number[] = [];
  for (const { folder } of chain) {
    const manifest = await findStored(folder, 'backup_manifest');
    if (!manifest) return undefined;
    let bytes = 0;
    for await (const line of createInterface({ input: await readStored(manifest, opener) }))
      bytes += Number(MANIFEST_SIZE.exec(line)?.[1] ?? 0);
    sizes.push(bytes);
  }
  const unpacked = sizes.reduce((sum, bytes) => sum + bytes, 0);
  const combined = sizes.length > 1 ? (sizes[0] ?? 0) : 0;
  const wal = segments.length * segmentBytes;
  return unpacked + combined + wal + Math.min(wal, KEPT_WAL_BYTES) + NEW_SEGMENTS * segmentBytes;
}

/** Returns the line that says that a disk is full; undefined: none does. */
export function roomEnd(output: string): string | undefined {
  return output
    .split('\n')
    .find((line) => line.includes('No space left'))
    ?.trim();
}

/** @param reason what was said where the room ended. */
export function noRoomBeside(service: string, needed: number | undefined, reason: string): UserError {
  const about = needed === undefined ? '' : `, which takes about ${Math.ceil(needed / 1e6)} MB`;
  return new UserError({
    code: 'DATABASE_DISK_FULL',
    message: `there is no room for a second server beside ${service} on its disk${about}: ${reason}`,
    hint: 'make room there: invctl db restore --forget, docker system df, df -h; then the same command again',
    exitCode: ExitCode.failure,
    ...(needed === undefined ? {} : { details: { needed: Math.ceil(needed) } }),
  });
}
