import { type FileHandle, open } from 'node:fs/promises';
import { hasErrorCode } from '../../errors.js';
import { explainReadError } from '../../system/files.js';
import type { CopyStore } from '../copy-store.js';
import { pieceOfSegment } from './copy-names.js';
import type { Piece } from './pieces.js';
import { packBytes, packingOf } from './stored-file.js';

/** Largest piece. */
const PIECE_BYTES = 4 * 1024 * 1024;
/** Received WAL has a page header at least every 64 kB (`--with-wal-blocksize`), so no zeros as long as this. */
const READ_BYTES = 256 * 1024;
/** Bytes that are compared at once. */
const BLOCK_BYTES = 8192;
const ZEROS = Buffer.alloc(READ_BYTES);

export interface SentPiece extends Piece {
  name: string;
}

export interface OpenSegmentInput {
  store: CopyStore;
  run: string;
  /** Its name without `.partial`. */
  segment: string;
  recipients: readonly string[];
  /** Returns a number that no piece of the segment has and that is higher than all of them. */
  nextOrder: () => number;
}

/**
 * Sends a segment that is being received, piece by piece: each time what was received since. A piece takes the
 * place of those before it that are not much larger, so that a segment of `n` bytes lies there in about
 * log(n) pieces, and no byte is sent more often than that.
 */
export class OpenSegment {
  readonly #input: OpenSegmentInput;
  /** What the segment lies there in; earlier pieces may be there too. */
  pieces: readonly SentPiece[] = [];
  /** True: `pieces` alone are all of it that was ever sent. */
  complete = false;
  /** Bytes before it were flushed by the receiver before they were read: they do not change any more. */
  #final = 0;
  /** What was sent of the bytes from `#final` on. */
  #sent: Buffer = Buffer.alloc(0);

  constructor(input: OpenSegmentInput) {
    this.#input = input;
  }

  /**
   * Sends what is new. A read of a file that is being written may see a later byte and not an earlier one, so
   * what was not flushed yet is read once more the next time, and sent again from the first difference on.
   * @param file absolute path of the segment.
   * @param options.flushed number of its bytes that were on the disk before this call.
   * @param options.beforeSend called between the reading and the sending.
   * @returns false if there is no such file.
   * @throws UserError COPIES_UNREACHABLE; what was sent before it counts.
   */
  async send(
    file: string,
    {
      flushed,
      beforeSend,
      signal,
    }: { flushed: number; beforeSend: () => Promise<void>; signal: AbortSignal },
  ): Promise<boolean> {
    const handle = await open(file).catch((error) => {
      if (hasErrorCode(error, 'ENOENT')) return undefined;
      throw explainReadError(error, file);
    });
    if (!handle) return false;
    try {
      const content = await readWritten(handle, this.#final);
      const end = this.#final + content.length;
      let from = this.#final + firstDifference(this.#sent, content);
      if (from < end) await beforeSend();
      while (from < end) {
        const to = Math.min(end, from + PIECE_BYTES);
        await this.#sendPiece(handle, { content, from, to }, signal);
        this.#sent = content.subarray(0, to - this.#final);
        from = to;
      }
      this.complete = true;
      const final = Math.max(this.#final, Math.min(flushed, end));
      // A copy: the rest of `content` need not stay in memory.
      this.#sent = Buffer.from(content.subarray(final - this.#final));
      this.#final = final;
      return true;
    } finally {
      await handle.close();
    }
  }

  async #sendPiece(
    handle: FileHandle,
    { content, from: first, to }: { content: Buffer; from: number; to: number },
    signal: AbortSignal,
  ): Promise<void> {
    const { store, run, segment, recipients, nextOrder } = this.#input;
    const kept = [...this.pieces];
    let from = first;
    for (let last = kept.at(-1); last; last = kept.at(-1)) {
      const small = last.to - last.from < 2 * (to - from) && to - last.from <= PIECE_BYTES;
      if (!small && last.from < from) break;
      from = Math.min(from, last.from);
      kept.pop();
    }
    const before = Math.max(0, this.#final - from);
    const bytes = Buffer.concat([
      await readExactly(handle, from, before),
      content.subarray(Math.max(0, from - this.#final), to - this.#final),
    ]);
    const piece = { order: nextOrder(), from, to };
    const packing = packingOf({ gzip: true, encrypted: recipients.length > 0 });
    const name = pieceOfSegment(run, segment, piece, packing);
    await store.writeBytes(name, await packBytes(bytes, recipients), signal);
    this.pieces = [...kept, { ...piece, name }];
  }
}

/** Reads from a position to the end of what was written; the rest of the file is zeros. */
async function readWritten(handle: FileHandle, from: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let at = from; ; ) {
    const chunk = Buffer.allocUnsafe(READ_BYTES);
    const { bytesRead } = await handle.read(chunk, 0, READ_BYTES, at);
    if (bytesRead === 0 || chunk.compare(ZEROS, 0, bytesRead, 0, bytesRead) === 0) break;
    chunks.push(chunk.subarray(0, bytesRead));
    at += bytesRead;
  }
  const read = Buffer.concat(chunks);
  let end = read.length;
  while (end > 0 && read[end - 1] === 0) end -= 1;
  return read.subarray(0, end);
}

async function readExactly(handle: FileHandle, at: number, bytes: number): Promise<Buffer> {
  const content = Buffer.allocUnsafe(bytes);
  for (let filled = 0; filled < bytes; ) {
    const { bytesRead } = await handle.read(content, filled, bytes - filled, at + filled);
    if (bytesRead === 0) throw new Error(`a segment of WAL has become shorter than ${at + bytes} bytes`);
    filled += bytesRead;
  }
  return content;
}

/** Returns the beginning of the first block of `now` that is not as in `before`. */
function firstDifference(before: Buffer, now: Buffer): number {
  const common = Math.min(before.length, now.length);
  for (let at = 0; at < common; at += BLOCK_BYTES) {
    const end = Math.min(at + BLOCK_BYTES, common);
    if (before.compare(now, at, end, at, end) !== 0) return at;
  }
  return common;
}
