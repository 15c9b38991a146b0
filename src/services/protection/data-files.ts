import { Readable } from 'node:stream';
import type { BesideTrial, DataInput } from '../../engine/trials.js';
import { ExitCode, UserError } from '../../errors.js';
import { allEnded } from '../../system/all-ended.js';
import { outputTail } from '../../system/argv.js';
import { noRoomBeside, roomEnd } from './room.js';

/**
 * A restore's folders are in the data folder itself, because it is on the volume: so both servers' files
 * change places by renames, whatever their size. pg_basebackup leaves out names that begin with this, at any
 * depth (PG_TEMP_FILE_PREFIX in basebackup.c), and the server ignores them.
 */
const PREFIX = 'pgsql_tmp_';
const BEFORE = `${PREFIX}before_`;

// The live server ends where its disk is full, so it is not filled in vain.
const ROOM = `free=$(df -Pk "$1" | awk 'END { print $(NF - 2) }')
[ "$((free))" -ge "$2" ] || { echo "No space left: $((free / 1000)) MB are free" >&2; exit 1; }`;

const UNPACK_BASE = `umask 077
mkdir -p "$1" && "$2" -dc | tar -x -f - -C "$1"`;

const UNPACK_WAL = `umask 077
mkdir -p "$1" && tar -x -f - -C "$1"`;

// Combines an incremental base with the ones before it, because the changes alone are not a data folder.
// PostgreSQL 17 and later. Not every file system lets the kernel copy.
const COMPLETE = `umask 077
cd "$1" || exit 1
combine() { pg_combinebackup --no-manifest --no-sync "$@" --output=data part-*; }
[ -e data ] || combine --copy-file-range || { rm -rf data && combine; } || exit 1
cd data && touch recovery.signal &&
cp postgresql.auto.conf postgresql.auto.conf.before &&
printf '%s' "$2" >>postgresql.auto.conf && chmod 700 .`;

const REMOVE_PARTS = 'cd "$1" && rm -rf part-*';

const RETARGET = `cd "$1/data" && cp postgresql.auto.conf.before postgresql.auto.conf &&
printf '%s' "$2" >>postgresql.auto.conf && touch recovery.signal`;

// The lost+found at the root of a volume belongs to the file system.
const MOVE = `move() {
  for entry in "$1"/* "$1"/.[!.]*; do
    case \${entry##*/} in ${PREFIX}*|lost+found|'*'|'.[!.]*') ;; *) mv -- "$entry" "$2/" || exit 1 ;; esac
  done
}`;

// After a power cut, the mark shows whose files are still in the data folder.
const SWAP = `${MOVE}
umask 077
[ ! -e "$2/data/postgresql.auto.conf.before" ] || mv "$2/data/postgresql.auto.conf.before" "$2/data/postgresql.auto.conf"
mkdir -p "$3/data" || exit 1
[ -e "$3/moved" ] || { move "$1" "$3/data"; sync; : >"$3/moved"; sync; }
move "$2/data" "$1"
sync
rm -rf -- "$2"`;

const UNSWAP = `${MOVE}
if [ -d "$3" ]; then
  if [ -e "$3/moved" ]; then mkdir -p "$2/data"; move "$1" "$2/data"; rm "$3/moved"; sync; fi
  move "$3/data" "$1"
  sync
  rm -rf -- "$3"
fi`;

/** A restore's folders in the data folder. */
export interface RestoreFolders {
  /** The live server's data folder. */
  data: string;
  /** Its `data/` has the files that replace the live ones. */
  incoming: string;
  /** Its `data/` has the previous files. */
  previous: string;
}

/** @param id sorts by time. */
export function restoreFolders(data: string, id: string): RestoreFolders {
  return { data, incoming: `${data}/${PREFIX}restore_${id}`, previous: `${data}/${BEFORE}${id}` };
}

/** Folder that a restore kept, by its id. */
export function previousFolder(data: string, id: string): string {
  return `${data}/${BEFORE}${id}`;
}

// A restore of a lost volume has no server to keep.
const WITH_SERVER = `cd "$1" || exit 0
for mark in ${BEFORE}*/moved; do
  [ ! -e "\${mark%/moved}/data/PG_VERSION" ] || echo "\${mark%/moved}"
done`;

const KEEP = `[ ! -e "$1/data/PG_VERSION" ] || { echo kept; exit; }
rm -rf -- "$1"`;

/** Ids of the folders with servers that restores kept, newest first. */
export async function idsOfPrevious(run: FileProgram, data: string): Promise<string[]> {
  const output = await run(['sh', '-c', WITH_SERVER, 'sh', data]);
  return output
    .split('\n')
    .filter((line) => line.startsWith(BEFORE))
    .map((line) => line.slice(BEFORE.length))
    .sort()
    .reverse();
}

/**
 * Runs a program where the data folder is, and returns what it printed.
 * @throws UserError DATA_FILES_FAILED, DATABASE_DISK_FULL
 */
export type FileProgram = (command: readonly string[], input?: DataInput) => Promise<string>;

/**
 * Runs programs in a trial beside the database's service.
 * @param needed see {@link noRoomBeside}
 */
export function fileProgram(trial: BesideTrial, service: string, needed?: number): FileProgram {
  return async (command, input = Readable.from([])) => {
    const { status, output } = await trial.runOnData(command, input);
    if (status === 0) return output;
    const full = roomEnd(output);
    if (full !== undefined) throw noRoomBeside(service, needed, full);
    throw new UserError({
      code: 'DATA_FILES_FAILED',
      message: `the files of a second server cannot be written beside those of ${service}: ${outputTail(output, 4) || `exit status ${status}`}`,
      hint: 'invctl doctor      (is the disk full?)',
      exitCode: ExitCode.failure,
    });
  };
}

/** A compressed tar of a base backup. */
export interface BaseArchive {
  content: DataInput;
  decompressor: 'zstd' | 'gzip';
}

/**
 * Refuses where the volume has no room for a second server.
 * @param needed bytes.
 * @throws UserError DATABASE_DISK_FULL
 */
export async function assertRoomBeside(run: FileProgram, data: string, needed: number): Promise<void> {
  await run(['sh', '-c', ROOM, 'sh', data, String(Math.ceil(needed / 1024))]);
}

/**
 * Creates the incoming server's files.
 * @param chain the base and the incremental ones before it, oldest first.
 * @param wal a tar of segments.
 * @param settings what is added to its `postgresql.auto.conf`.
 */
export async function fillFolder(
  run: FileProgram,
  { incoming }: Pick<RestoreFolders, 'incoming'>,
  {
    chain,
    wal,
    settings,
  }: { chain: readonly (() => Promise<BaseArchive>)[]; wal: Readable; settings: string },
): Promise<void> {
  const bases = chain.map(async (open, index) => {
    const { content, decompressor } = await open();
    const folder = chain.length === 1 ? 'data' : `part-${String(index).padStart(3, '0')}`;
    await run(['sh', '-c', UNPACK_BASE, 'sh', `${incoming}/${folder}`, decompressor], content);
  });
  await allEnded([...bases, run(['sh', '-c', UNPACK_WAL, 'sh', `${incoming}/wal`], wal)]);
  await run(['sh', '-c', COMPLETE, 'sh', incoming, settings]);
}

/** Removes what the incoming server's files were combined from. */
export async function removeParts(
  run: FileProgram,
  { incoming }: Pick<RestoreFolders, 'incoming'>,
): Promise<void> {
  await run(['sh', '-c', REMOVE_PARTS, 'sh', incoming]);
}

/** Gives the incoming server another target. */
export async function retarget(
  run: FileProgram,
  { incoming }: RestoreFolders,
  settings: string,
): Promise<void> {
  await run(['sh', '-c', RETARGET, 'sh', incoming, settings]);
}

/**
 * Puts the incoming files in the place of the live ones, which are moved aside. Both servers are stopped. It
 * can be repeated.
 */
export async function swapFiles(
  run: FileProgram,
  { data, incoming, previous }: RestoreFolders,
): Promise<void> {
  await run(['sh', '-c', SWAP, 'sh', data, incoming, previous]);
}

/** Reverts {@link swapFiles}, wherever it was cut off. */
export async function unswapFiles(
  run: FileProgram,
  { data, incoming, previous }: RestoreFolders,
): Promise<void> {
  await run(['sh', '-c', UNSWAP, 'sh', data, incoming, previous]);
}

/**
 * Removes what {@link swapFiles} moved aside, if it was no server.
 * @returns false: it was none.
 */
export async function keepPrevious(
  run: FileProgram,
  { previous }: Pick<RestoreFolders, 'previous'>,
): Promise<boolean> {
  return (await run(['sh', '-c', KEEP, 'sh', previous])).includes('kept');
}

export async function removeFolder(run: FileProgram, folder: string): Promise<void> {
  await run(['rm', '-rf', '--', folder]);
}
