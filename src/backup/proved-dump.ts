import { createHash } from 'node:crypto';
import { constants } from 'node:os';
import { PassThrough, Writable } from 'node:stream';
import type { PipeResult } from '../engine/engine.js';
import { type Database, programFailed, runClient } from '../postgres/database.js';
import { notReadWhole, readDump } from './archive-reader.js';
import type { DumpExamination } from './plain-dump.js';
import { intoBoth } from './tee.js';
import { unpackGzip } from './unpack.js';
import { unreadable } from './unreadable.js';

export interface ProvedDumpOptions {
  /** Receives pg_dump's output; it is not ended. */
  sink: Writable;
  env: Record<string, string>;
  signal: AbortSignal;
}

const OUTPUT_BYTES = 1024 * 1024;

/** Status in a shell's `$?`: nobody read the rest of the output. */
const ENDED_BY_SIGPIPE = String(128 + constants.signals.SIGPIPE);

/** Prefix of our script's own lines on standard error, among those of the programs. */
const MARK = 'invctl-proof';

/**
 * Writes pg_dump's output to standard output. Beside the server, pg_restore reads the same archive to its
 * end, and its SHA-256 is computed. Bytes after the last one that pg_restore reads are read too; pg_dump ends
 * early only if the reader of standard output does. dd collects the output into large blocks: the engine
 * would carry pg_dump's small pieces one by one, at twice the cost. File descriptors: 3 is standard output, 4
 * leads to pg_restore, 5 to the hash.
 */
const DUMP_AND_READ = `
say() { echo "${MARK} $*" >&2; }
exec 3>&1
{
  { { pg_dump "$@"; say pg_dump $?; } | tee /dev/fd/4 /dev/fd/5 |
    dd ibs=64k obs=256k 2>/dev/null >&3; } 4>&1 |
    { pg_restore --file=/dev/null; say pg_restore $?; cat >/dev/null; } >&2
} 5>&1 | {
  if command -v sha256sum >/dev/null; then sum=$(sha256sum); else sum=$(shasum -a 256); fi
  say sha256 "\${sum%% *}"
}`;

/**
 * Writes a custom archive that was read to its end beside the server: every block of every table is
 * decompressed. (`pg_restore --list` reads only the table of contents and accepts a file that was cut
 * anywhere after it.) The bytes that arrived here have the same hash as those that were read there.
 * @param options arguments for pg_dump.
 * @throws UserError BACKUP_FAILED, BACKUP_UNREADABLE (exit 8)
 */
export async function dumpArchive(
  database: Database,
  options: readonly string[],
  { sink, env, signal }: ProvedDumpOptions,
): Promise<void> {
  const hash = createHash('sha256');
  // Bytes that arrive while the sink is busy are joined into one piece: the engine sends thousands of small
  // ones.
  const output = new Writable({
    highWaterMark: OUTPUT_BYTES,
    writev(pieces, done) {
      const chunk = Buffer.concat(pieces.map((piece) => piece.chunk as Buffer));
      hash.update(chunk);
      sink.write(chunk, done);
    },
  });
  const result = await runClient(database, ['sh', '-c', DUMP_AND_READ, 'sh', ...options], {
    output,
    env,
    signal,
  });
  const { said, stderr } = readProof(result.stderr);
  // If the engine reports success but our script's closing line is missing, the engine has lost a part of the
  // output.
  const dumped = said.get('pg_dump') ?? (result.status === 0 ? ENDED_BY_SIGPIPE : String(result.status));
  if (dumped === ENDED_BY_SIGPIPE) throw unreadable('it was cut on its way from the database to here');
  if (dumped !== '0') {
    // pg_restore's complaint about half an archive adds nothing.
    const cause = stderr.filter((line) => !line.startsWith('pg_restore:')).join('\n');
    throw dumpFailed({ ...result, stderr: cause, status: Number(dumped) });
  }
  if (said.get('pg_restore') !== '0') throw notReadWhole(stderr.join('\n'));
  const sha256 = hash.digest('hex');
  if (said.get('sha256') === sha256) return;
  throw unreadable(
    `the SHA-256 of what pg_dump wrote is ${said.get('sha256') ?? 'unknown'}, and that of what arrived is ${sha256}`,
  );
}

/**
 * Writes an SQL dump and reads it to its end at the same time.
 * @param options arguments for pg_dump.
 * @throws UserError BACKUP_FAILED, BACKUP_UNREADABLE (exit 8)
 */
export async function dumpSql(
  database: Database,
  options: readonly string[],
  { sink, env, signal }: ProvedDumpOptions,
): Promise<DumpExamination> {
  const copy = new PassThrough();
  const [examination] = await Promise.all([
    unpackGzip(copy).then((sql) => readDump(sql, database.name)),
    runClient(database, ['pg_dump', ...options], { output: intoBoth(sink, copy), env, signal })
      .finally(() => copy.end())
      .then((result) => {
        if (result.status !== 0) throw dumpFailed(result);
      }),
  ]);
  return examination;
}

function readProof(stderr: string): { said: Map<string, string>; stderr: string[] } {
  const lines = stderr.split('\n');
  const ours = lines.filter((line) => line.startsWith(MARK));
  return {
    said: new Map(ours.map((line) => line.split(' ').slice(1, 3) as [string, string])),
    stderr: lines.filter((line) => !line.startsWith(MARK)),
  };
}

function dumpFailed(result: PipeResult) {
  // The server cannot make a text of more than 1 GB, and a row is one text:
  // https://www.postgresql.org/docs/current/limits.html
  const tooLarge = /invalid memory alloc request size|out of memory/.test(result.stderr);
  return programFailed(
    'BACKUP_FAILED',
    'pg_dump failed; nothing was kept',
    result,
    tooLarge
      ? 'a row of that table is larger than 1 GB as text, where bytea takes two letters a byte: keep such content in large objects (lo_from_bytea) or in files, or divide it into several rows'
      : undefined,
  );
}
