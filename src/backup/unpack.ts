import { PassThrough, pipeline, Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { UserError } from '../errors.js';
import type { ProcessRunner } from '../system/process.js';
import { type Compression, fileKind, isPacking } from './file-kind.js';
import { unreadable } from './unreadable.js';

/** Number of a file's first bytes that decide its kind. */
const START_BYTES = 64 * 1024;

export interface Unpacked {
  stream: Readable;
  /** The first bytes of `stream`, up to 64 KB. */
  start: Buffer;
  /** Packings of the source, the outermost first. */
  packings: Compression[];
}

/** `.sql.gz` is packed once; a file with more layers than this is refused. */
const MAXIMUM_LAYERS = 4;

/**
 * Unpacks a packed stream by its content, not its name: gzip with Node, zstd too if Node can, all others with
 * the program of that name.
 * @throws UserError PACKED if that program is missing; while reading, BACKUP_UNREADABLE (exit 8).
 */
export async function unpack(source: Readable, processes: Pick<ProcessRunner, 'run'>): Promise<Unpacked> {
  const packings: Compression[] = [];
  let { stream, start } = await peek(source);
  for (let kind = fileKind(start); isPacking(kind); kind = fileKind(start)) {
    if (packings.length === MAXIMUM_LAYERS) throw unreadable('it is packed again and again');
    packings.push(kind);
    ({ stream, start } = await peek(unpackOne(stream, kind, processes)));
  }
  return { stream, start, packings };
}

/** Unpacks gzip; any other content stays as it is. */
export async function unpackGzip(source: Readable): Promise<Readable> {
  const { stream, start } = await peek(source);
  return fileKind(start) === 'gzip' ? throughNode(stream, zlib.createGunzip()) : stream;
}

/** Returns the first bytes of a stream, and the whole stream. */
async function peek(source: Readable): Promise<{ stream: Readable; start: Buffer }> {
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first: Buffer[] = [];
  let bytes = 0;
  let over = false;
  while (bytes < START_BYTES && !over) {
    const { value, done } = await chunks.next();
    if (done) over = true;
    else {
      first.push(value);
      bytes += value.length;
    }
  }
  async function* all(): AsyncGenerator<Buffer> {
    try {
      yield* first.splice(0);
      for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
    } finally {
      source.destroy();
    }
  }
  const start = Buffer.concat(first).subarray(0, START_BYTES);
  return { stream: Readable.from(all(), { objectMode: false }), start };
}

function unpackOne(source: Readable, packing: Compression, processes: Pick<ProcessRunner, 'run'>): Readable {
  if (packing === 'gzip') return throughNode(source, zlib.createGunzip());
  // Exists since Node 22.15.
  const { createZstdDecompress } = zlib as { createZstdDecompress?: () => NodeJS.ReadWriteStream };
  if (packing === 'zstd' && createZstdDecompress) return throughNode(source, createZstdDecompress());
  const output = new PassThrough();
  processes.run(packing, ['-dc'], { input: source, output }).then(
    () => output.end(),
    (error) => output.destroy(doesNotUnpack(error, packing)),
  );
  return output;
}

function throughNode(source: Readable, through: NodeJS.ReadWriteStream): Readable {
  async function* all(): AsyncGenerator<Buffer> {
    // The reader of the output gets the error.
    pipeline(source, through, () => {});
    try {
      yield* through as AsyncIterable<Buffer>;
    } catch (error) {
      throw doesNotUnpack(error);
    }
  }
  return Readable.from(all(), { objectMode: false });
}

function doesNotUnpack(error: unknown, packing?: Compression): Error {
  if (error instanceof UserError && error.code === 'PROGRAM_NOT_FOUND' && packing) {
    return new UserError({
      code: 'PACKED',
      message: `the file is packed with ${packing}, and there is no program \`${packing}\` here to unpack it`,
      hint: `install ${packing}, or unpack it elsewhere: ${packing} -dc FILE > FILE.sql`,
      cause: error,
    });
  }
  if (error instanceof UserError && error.code === 'COMMAND_FAILED') {
    return unreadable(`it does not unpack: ${String(error.details?.stderrTail ?? error.message)}`);
  }
  if (error instanceof Error && /^(?:Z_|ZSTD_)/.test(String('code' in error ? error.code : ''))) {
    return unreadable(`it does not unpack: ${error.message}`);
  }
  return error instanceof Error ? error : new Error(String(error));
}
