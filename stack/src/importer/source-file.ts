import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { Problem } from '../problem.js';
import type { Spool } from '../spool/spool.js';
import { type Encoding, EncodingSniffer, UnreadableTextError } from './encoding.js';

/** The largest file that is taken, in bytes. */
const FILE_LIMIT_BYTES = 1024 ** 3;
/** For so long may an upload send nothing. */
const IDLE_MS = 15_000;
/** What an upload has to bring a second on average, so that it cannot be kept alive by a byte now and then. */
const LEAST_BYTES_PER_SECOND = 1024;

/** A file that is there as a whole. */
export interface SourceFile {
  readonly bytes: number;
  /** In hex. */
  readonly sha256: string;
  readonly encoding: Encoding;
  /** The content from its beginning. */
  read(): Readable;
  close(): Promise<void>;
}

/**
 * Takes an upload into the spool, so that nothing but the spool waits for its sender.
 *
 * @throws {Problem} 408 if it comes too slowly, 400 if it breaks off, 413 if it is too large, 422 if it is no text,
 *   503 if there is no room for it. Nothing is left of it then.
 */
export async function receive(
  upload: Readable,
  spool: Spool,
  { idleMs = IDLE_MS }: { idleMs?: number } = {},
): Promise<SourceFile> {
  const inspection = new Inspection();
  const file = await spool.create();
  try {
    await file.store(arriving(upload, inspection, idleMs));
    return { ...inspection.end(), read: () => file.read(), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function* arriving(upload: Readable, inspection: Inspection, idleMs: number): AsyncGenerator<Buffer> {
  // It may be a request's body, and its connection is needed for the answer.
  const chunks = upload.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>;
  const started = Date.now();
  for (;;) {
    const { done, value } = await within(idleMs, chunks.next());
    if (done) return;
    inspection.push(value);
    if (inspection.bytes > FILE_LIMIT_BYTES) {
      throw new Problem(413, 'file_too_large', 'The file is larger than 1 GiB.');
    }
    const elapsed = Date.now() - started;
    if (elapsed > idleMs && inspection.bytes < (LEAST_BYTES_PER_SECOND * elapsed) / 1000) throw tooSlow();
    yield value;
  }
}

/** @throws {Problem} 408 after `ms`, 400 if the next piece does not come at all. */
async function within<Next>(ms: number, next: Promise<Next>): Promise<Next> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tooSlow()), ms);
  });
  const arrived = next.catch((error: unknown) => {
    throw new Problem(400, 'incomplete', 'The upload broke off.', { cause: error });
  });
  // Later it is of no interest any more.
  arrived.catch(() => {});
  try {
    return await Promise.race([arrived, late]);
  } finally {
    clearTimeout(timer);
  }
}

function tooSlow(): Problem {
  return new Problem(408, 'too_slow', 'The file came too slowly, and was given up.', {
    headers: { connection: 'close' },
  });
}

/** Reads a file of this machine through once. @throws what the file system throws; {Problem} 422 if it is no text. */
export async function sourceFromDisk(path: string): Promise<SourceFile> {
  const inspection = new Inspection();
  for await (const chunk of createReadStream(path)) inspection.push(chunk as Buffer);
  return { ...inspection.end(), read: () => createReadStream(path), close: async () => {} };
}

/** What there is to know of a file before it is read. */
class Inspection {
  bytes = 0;
  readonly #hash = createHash('sha256');
  readonly #sniffer = new EncodingSniffer();

  push(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.#hash.update(chunk);
    this.#sniffer.push(chunk);
  }

  /** @throws {Problem} 422 for what is no text. */
  end(): Pick<SourceFile, 'bytes' | 'sha256' | 'encoding'> {
    try {
      return { bytes: this.bytes, sha256: this.#hash.digest('hex'), encoding: this.#sniffer.end() };
    } catch (error) {
      if (error instanceof UnreadableTextError) throw notCsv(error.code, error.message);
      throw error;
    }
  }
}

/** What is said of a file that is no CSV. */
export function notCsv(code: string, message: string): Problem {
  return new Problem(422, 'not_csv', message, { errors: [{ pointer: '/body', code, message }] });
}
