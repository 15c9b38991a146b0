import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { formatLsn, type Lsn, parseLsn, parseSegment, segmentFile, segmentOf } from '../wal.js';
import { ask, connect } from './server.js';

const STATUS_MS = 1000;
/** Microseconds from 1970 to 2000. */
const EPOCH_MICROSECONDS = 946_684_800_000_000n;

export interface ReceiveOptions {
  slot: string;
  folder: string;
}

/**
 * Replaces `pg_receivewal --synchronous --no-loop` and writes the same files: a segment is `NAME.partial`, at
 * its full size, until it is complete. Received WAL is flushed to the disk before it is confirmed to the
 * server. Ends when the server's timeline ends.
 */
export async function receiveWal({ slot, folder }: ReceiveOptions): Promise<void> {
  const { client, connection } = await connect(process.env.PGAPPNAME ?? 'pg_receivewal', true);
  const [[identity = []] = []] = await ask(client, 'IDENTIFY_SYSTEM');
  const timeline = Number(identity[1]);
  const [[[size = '16MB'] = []] = []] = await ask(client, 'SHOW wal_segment_size');
  const segmentBytes = bytesOf(size ?? '');
  const [[reserved = []] = []] = await ask(client, `READ_REPLICATION_SLOT ${slot}`);
  const from = startOf(folder, timeline, segmentBytes, reserved[1] ?? (identity[2] as string));
  if (timeline > 1) await keepHistory(client, folder, timeline);

  const wal = new SegmentFiles(folder, timeline, segmentBytes);
  let flushed = from;
  const report = () => connection.sendCopyFromChunk(statusOf(flushed));
  let due = false;
  connection.on('copyData', ({ chunk }) => {
    if (chunk[0] === 0x77) {
      const at = chunk.readBigUInt64BE(1);
      wal.write(at, chunk.subarray(25));
      if (due) return;
      due = true;
      // Everything from one read of the socket is flushed at once.
      setImmediate(() => {
        due = false;
        wal.flush();
        flushed = wal.end ?? flushed;
        report();
      });
    } else if (chunk[0] === 0x6b && chunk[17] === 1) report();
  });
  const timer = setInterval(report, STATUS_MS);
  try {
    await client.query(`START_REPLICATION SLOT ${slot} PHYSICAL ${formatLsn(from)} TIMELINE ${timeline}`);
  } finally {
    clearInterval(timer);
    wal.close();
    await client.end().catch(() => {});
  }
}

/** Returns the position after the last complete segment, otherwise the start of the slot. */
function startOf(folder: string, timeline: number, segmentBytes: number, reserved: string): Lsn {
  const segments = readdirSync(folder)
    .flatMap((name) => parseSegment(name, segmentBytes) ?? [])
    .filter((segment) => segment.timeline === timeline);
  const next = Math.max(...segments.map(({ number, partial }) => (partial ? number : number + 1)));
  const number = Number.isFinite(next) ? next : segmentOf(parseLsn(reserved), segmentBytes);
  return BigInt(number) * BigInt(segmentBytes);
}

async function keepHistory(
  client: Parameters<typeof ask>[0],
  folder: string,
  timeline: number,
): Promise<void> {
  const name = `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`;
  if (existsSync(join(folder, name))) return;
  const { rows } = await client.query({ text: `TIMELINE_HISTORY ${timeline}`, rowMode: 'array' });
  const [[, content] = []] = rows as [string, string | Buffer][];
  const partial = join(folder, `${name}.tmp`);
  writeFileSync(partial, content ?? '', { mode: 0o600, flush: true });
  renameSync(partial, join(folder, name));
}

/** Writes WAL into the current segment's file. */
class SegmentFiles {
  readonly #folder: string;
  readonly #timeline: number;
  readonly #segmentBytes: bigint;
  #open: { number: number; fd: number } | undefined;
  /** Position after the last written byte. */
  end: Lsn | undefined;

  constructor(folder: string, timeline: number, segmentBytes: number) {
    this.#folder = folder;
    this.#timeline = timeline;
    this.#segmentBytes = BigInt(segmentBytes);
  }

  write(at: Lsn, data: Buffer): void {
    let rest = data;
    let lsn = at;
    while (rest.length > 0) {
      const number = Number(lsn / this.#segmentBytes);
      const offset = Number(lsn % this.#segmentBytes);
      const fd = this.#segment(number);
      const here = rest.subarray(0, Number(this.#segmentBytes) - offset);
      for (let written = 0; written < here.length; ) {
        written += writeSync(fd, here, written, here.length - written, offset + written);
      }
      rest = rest.subarray(here.length);
      lsn += BigInt(here.length);
      this.end = lsn;
      if (lsn % this.#segmentBytes === 0n) this.#finish();
    }
  }

  flush(): void {
    if (this.#open) fdatasyncSync(this.#open.fd);
  }

  close(): void {
    if (!this.#open) return;
    this.flush();
    closeSync(this.#open.fd);
    this.#open = undefined;
  }

  #segment(number: number): number {
    if (this.#open?.number === number) return this.#open.fd;
    this.close();
    const path = this.#path(number, '.partial');
    const made = !existsSync(path);
    const fd = openSync(path, made ? 'wx' : 'r+', 0o600);
    if (made) {
      // Recovery refuses a segment that is shorter.
      ftruncateSync(fd, Number(this.#segmentBytes));
      fsyncSync(fd);
      this.#syncFolder();
    }
    this.#open = { number, fd };
    return fd;
  }

  #finish(): void {
    const { number } = this.#open as { number: number };
    this.close();
    renameSync(this.#path(number, '.partial'), this.#path(number, ''));
    this.#syncFolder();
  }

  #path(number: number, ending: string): string {
    return join(this.#folder, `${segmentFile(this.#timeline, number, Number(this.#segmentBytes))}${ending}`);
  }

  #syncFolder(): void {
    const fd = openSync(this.#folder, 'r');
    fsyncSync(fd);
    closeSync(fd);
  }
}

/** Makes a standby status update: written, flushed, applied, the time, and no reply requested. */
function statusOf(flushed: Lsn): Buffer {
  const status = Buffer.alloc(34);
  status[0] = 0x72;
  status.writeBigUInt64BE(flushed, 1);
  status.writeBigUInt64BE(flushed, 9);
  status.writeBigInt64BE(BigInt(Date.now()) * 1000n - EPOCH_MICROSECONDS, 25);
  return status;
}

/** Parses a size such as `16MB` or `1GB`. */
function bytesOf(size: string): number {
  const [, amount, unit] = /^(\d+)(MB|GB)$/.exec(size) ?? [];
  if (amount === undefined) throw new Error(`wal_segment_size is ${size}`);
  return Number(amount) * (unit === 'GB' ? 2 ** 30 : 2 ** 20);
}
