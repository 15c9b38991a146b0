import { Transform } from 'node:stream';
import { Header } from 'tar';

const BLOCK = 512;
/** Entries that belong to the one after them: PAX records, and GNU's long names and link names. */
const BELONGS_TO_NEXT = [
  'ExtendedHeader',
  'OldExtendedHeader',
  'NextFileHasLongPath',
  'NextFileHasLongLinkpath',
];

/**
 * Leaves entries of a tar stream out; what comes out is a tar stream again. The content of no entry is kept in
 * memory.
 * @param names of the entries, at most 100 bytes each
 */
export function withoutEntries(names: ReadonlySet<string>): Transform {
  let rest = Buffer.alloc(0);
  /** Bytes of the present entry that have not come yet, with its padding. */
  let remaining = 0;
  let goesTo: 'out' | 'held' | 'nowhere' = 'out';
  let held: Buffer[] = [];

  const give = (stream: Transform, bytes: Buffer) => {
    if (goesTo === 'out') stream.push(bytes);
    if (goesTo === 'held') held.push(bytes);
  };

  const begin = (stream: Transform, block: Buffer) => {
    if (block.every((byte) => byte === 0)) {
      // The end of the archive.
      remaining = Number.POSITIVE_INFINITY;
      goesTo = 'out';
    } else {
      const header = new Header(block);
      const size = sizeIn(held) ?? header.size ?? 0;
      remaining = Math.ceil(size / BLOCK) * BLOCK;
      if (BELONGS_TO_NEXT.includes(header.type)) goesTo = 'held';
      else goesTo = names.has(header.path ?? '') ? 'nowhere' : 'out';
    }
    if (goesTo === 'out') for (const one of held) stream.push(one);
    if (goesTo !== 'held') held = [];
    give(stream, block);
  };

  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      while (bytes.length > 0) {
        if (remaining === 0) {
          if (bytes.length < BLOCK) break;
          begin(this, bytes.subarray(0, BLOCK));
          bytes = bytes.subarray(BLOCK);
        } else {
          const part = bytes.subarray(0, Math.min(remaining, bytes.length));
          give(this, part);
          remaining -= part.length;
          bytes = bytes.subarray(part.length);
        }
      }
      rest = Buffer.from(bytes);
      done();
    },
    flush(done) {
      if (rest.length > 0) this.push(rest);
      done();
    },
  });
}

/** A size that does not fit into a header is in a PAX record: `20 size=9000000000`. */
function sizeIn(held: readonly Buffer[]): number | undefined {
  const written = /(?:^|\n|\0)\d+ size=(\d+)\n/.exec(Buffer.concat(held).toString('latin1'))?.[1];
  return written === undefined ? undefined : Number(written);
}
