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
  /** Takes what pg_dump writes; it is not ended. */
  sink: Writable;
  env: Record<string, string>;
  signal: AbortSignal;
}

const OUTPUT_BYTES = 1024 * 1024;

/** In a shell's `$?`: nobody took the rest of the output. */
const ENDED_BY_SIGPIPE = String(128 + constants.signals.SIGPIPE);

/** Begins what our script says of itself on standard error, between the words of the programs. */
const MARK = 'invctl-proof';

/**
 * pg_dump with our arguments to standard output; pg_restore reads the same archive to its end, and its SHA-256 is
 * taken, before it leaves. What follows the last byte that pg_restore wants is read as well: pg_dump ends early with
 * whoever takes its output, and with nobody else. What leaves is gathered by dd: the engine carries pg_dump's small pieces one by one, at twice the
 * cost. File descriptors: 3 is the way out, 4 leads to pg_restore, 5 to the hash.
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
 * Writes a custom archive that was read to its end beside the server: every block of every table is decompressed.
 * (`pg_restore --list` reads the table of contents only and accepts a file cut anywhere after it.) What arrived here
 * has the hash of what was read there.
 *
 * @param options words for pg_dump.
 * @throws UserError BACKUP_FAILED, BACKUP_UNREADABLE (exit 8)
 */
export async function dumpArchive(
  database: Database,
  options: readonly string[],
  { sink, env, signal }: ProvedDumpOptions,
): Promise<void> {
  const hash = createHash('sha256');
  // What arrives while the sink is busy goes on in one piece: the engine gives it in thousands of small ones.
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
  // An engine that says that all went well, without our script's word of it, has not handed on everything.
  const dumped = said.get('pg_dump') ?? (result.status === 0 ? ENDED_BY_SIGPIPE : String(result.status));
  if (dumped === ENDED_BY_SIGPIPE) throw unreadable('it was cut on its way from the database to here');
  if (dumped !== '0') {
    // What pg_restore makes of half an archive is no news.
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
 * Writes an SQL dump, and reads it to its end as it passes.
 *
 * @param options words for pg_dump.
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
  // The server makes no text of more than 1 GB, and a row is one text: https://www.postgresql.org/docs/current/limits.html
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
