import { PassThrough, type Readable } from 'node:stream';
import { ExitCode, UserError } from '../errors.js';
import { type Database, runProgram } from '../postgres/database.js';
import { formatArgv } from '../system/argv.js';
import { type ReadOptions, readArchive } from './archive.js';
import type { Archive } from './archive-kinds.js';
import { notReadWhole } from './archive-reader.js';
import { type DumpExamination, type DumpProblem, examineDump } from './plain-dump.js';
import { unreadable } from './unreadable.js';

/**
 * Shell script for pg_restore, which needs a folder: the folder comes as a tar file and is removed in any
 * case.
 */
const READ_FOLDER =
  'd=$(mktemp -d) && trap \'rm -rf "$d"\' EXIT && tar -xf - -C "$d" && pg_restore --file=- "$d"';
/** If this many line ends are all CR LF, it is not chance; every archive has more. */
const TELLING_LINE_ENDS = 3;
const USUAL_HINT = 'take it again from its database, or use another backup: invctl db list';

/**
 * Reads an archive without a manifest to its end as SQL: returns its tables, rows and problems.
 * @throws UserError BACKUP_UNREADABLE (exit 8), DUMP_UNSAFE (exit 8) with each problem.
 */
export async function examineArchive(
  database: Database,
  archive: Archive,
  options: ReadOptions,
): Promise<DumpExamination> {
  const { file, kind } = archive;
  const examination =
    kind === 'plain'
      ? await examineDump((await readArchive(archive, options.onBytes)).stream, database.name)
      : await examineForRestore(database, archive, options);
  const unsafe = examination.problems.filter((problem) => problem.unsafe);
  if (unsafe.length > 0) {
    throw new UserError({
      code: 'DUMP_UNSAFE',
      message: `${file} is not safe to restore:\n${unsafe.map(({ line, message }) => (line === undefined ? message : `line ${line}: ${message}`)).join('\n')}`,
      hint: hintOf(unsafe, archive),
      exitCode: ExitCode.dataUnverified,
      file,
      details: { problems: examination.problems },
    });
  }
  return examination;
}

function hintOf(unsafe: readonly DumpProblem[], archive: Archive): string {
  const hints = unsafe.flatMap(({ kind, hint }) => {
    if (hint !== undefined) return [hint];
    return kind === 'crlf' ? [mendLineEnds(archive)] : [];
  });
  return hints[0]?.replaceAll('FILE', formatArgv([archive.file])) ?? USUAL_HINT;
}

/**
 * Returns the content with line feeds restored. A terminal writes CR LF for every line feed, so removing one
 * CR before each is exact.
 */
function mendLineEnds({ file, unpack, decrypt }: Archive): string {
  const again = 'take it again without a terminal (docker compose exec -T)';
  // If the file was packed or encrypted afterwards, the user must unpack it first.
  if (unpack || decrypt) return again;
  const [from, to] = [formatArgv([file]), formatArgv([`${file}.mended`])];
  return `${again}, or undo what the terminal did: perl -pe 's/\\r\\n/\\n/' ${from} > ${to}\nthen: invctl db verify ${to} --level 2`;
}

async function examineForRestore(
  database: Database,
  archive: Archive,
  { signal, onBytes }: ReadOptions,
): Promise<DumpExamination> {
  await assertNoTerminal(archive);
  const { stream: input } = await readArchive(archive, onBytes);
  const sql = new PassThrough();
  const command = archive.kind === 'directory' ? ['sh', '-c', READ_FOLDER] : ['pg_restore', '--file=-'];
  const running = runProgram(database, command, { input, output: sql, signal }).finally(() => sql.end());
  const [result, examination] = await Promise.all([running, examineDump(sql, database.name)]);
  if (result.status !== 0) throw notReadWhole(result.stderr, 'invctl db list');
  return examination;
}

/**
 * pg_restore reads an archive that was damaged by a terminal without an error if a line feed in its header,
 * such as the one that stands for the month of November, hides everything after it. An undamaged one has a
 * bare line feed in its first entry.
 */
async function assertNoTerminal(archive: Archive): Promise<void> {
  if (archive.kind !== 'custom') return;
  const { stream } = await readArchive(archive);
  if (!(await everyLineEndIsCrLf(stream))) return;
  throw unreadable(
    'every line feed in it became CR LF: it went through a terminal (docker exec -t)',
    mendLineEnds(archive),
  );
}

async function everyLineEndIsCrLf(stream: Readable): Promise<boolean> {
  let ends = 0;
  let before = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, at + 1)) {
      if ((at === 0 ? before : chunk[at - 1]) !== 0x0d) return false;
      ends += 1;
    }
    before = chunk.at(-1) ?? before;
  }
  return ends >= TELLING_LINE_ENDS;
}
