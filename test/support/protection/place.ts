import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeRecord } from '../../../src/backup/protection/place.js';
import { segmentFile } from '../../../src/postgres/wal.js';

/** As small as PostgreSQL allows: `initdb --wal-segsize=1`. */
export const SEGMENT_BYTES = 1024 * 1024;
const SYSTEM = '7123456789012345678';

export interface WrittenBase {
  timeline: number;
  /** Number of the segment that it starts in. */
  segment: number;
  endedAt: Date;
  /** Index of the base that it holds the changes to. */
  parent?: number | undefined;
}

/** What a protection's place has, without a server that ever wrote it. */
export interface WrittenPlace {
  bases: readonly WrittenBase[];
  /** Numbers of whole segments by run, `00000001-0001`. */
  runs: Readonly<Record<string, readonly number[]>>;
  /** Ancestors by timeline, each with the segment in the middle of which the next left it. */
  histories?: Readonly<Record<number, readonly { timeline: number; segment: number }[]>>;
  /** Since when which run was the live one, oldest first. */
  live: readonly { at: Date; run: string }[];
  keepSeconds: number;
  covered: Date;
  system?: string;
  /** Identifier of the server that this one came from by an upgrade. */
  after?: string;
}

/** Writes a place into `folder`. @returns names of its bases, as they were given. */
export async function writePlace(folder: string, written: WrittenPlace): Promise<string[]> {
  const { bases, runs, live, keepSeconds, covered, histories = {}, system = SYSTEM, after } = written;
  for (const name of ['state', 'bases', 'wal']) mkdirSync(join(folder, name), { recursive: true });
  await writeRecord(folder, {
    systemIdentifier: system,
    segmentBytes: SEGMENT_BYTES,
    dataDirectory: '/var/lib/postgresql/data',
    file: 'compose.yaml',
    service: 'db-protect',
    slotLimitBefore: '-1',
    summaries: false,
    ...(after === undefined ? {} : { after }),
  });
  const seconds = (at: Date) => Math.floor(at.getTime() / 1000);
  writeFileSync(
    join(folder, 'state', 'now'),
    `state=receiving\nat=${seconds(new Date())}\ncovered=${seconds(covered)}\nlsn=\nevery=86400\nkeep=${keepSeconds}\nmessage=\n`,
  );
  writeFileSync(join(folder, 'state', 'runs'), live.map(({ at, run }) => `${seconds(at)} ${run}\n`).join(''));
  for (const [run, numbers] of Object.entries(runs)) {
    mkdirSync(join(folder, 'wal', run));
    for (const number of numbers) {
      const timeline = Number.parseInt(run.slice(0, 8), 16);
      writeFileSync(
        join(folder, 'wal', run, segmentFile(timeline, number, SEGMENT_BYTES)),
        `${run} ${number}`,
      );
    }
  }
  for (const [timeline, ancestors] of Object.entries(histories)) {
    const name = hex8(Number(timeline));
    writeFileSync(
      join(folder, 'wal', `${name}-0001`, `${name}.history`),
      ancestors
        .map((it) => `${it.timeline}\t${lsnText((it.segment + 0.5) * SEGMENT_BYTES)}\tbefore 2000\n`)
        .join(''),
    );
  }
  const ids = bases.map(({ endedAt }) => endedAt.toISOString().replace(/[-:]|\.\d+/g, ''));
  bases.forEach(({ timeline, segment, endedAt, parent }, index) => {
    const id = ids[index] as string;
    const madeOf = parent === undefined ? '' : `,"parent":"${ids[parent]}"`;
    const lsn = segment * SEGMENT_BYTES + 0x28;
    mkdirSync(join(folder, 'bases', id));
    writeFileSync(join(folder, 'bases', id, 'base.tar.zst'), `base ${id}`);
    writeFileSync(
      join(folder, 'bases', id, 'base.json'),
      `{"id":"${id}","startedAt":${seconds(endedAt)},"endedAt":${seconds(endedAt)},"timeline":${timeline},"startLsn":"${lsnText(lsn)}","endLsn":"${lsnText(lsn + 0xd8)}"${madeOf}}\n`,
    );
  });
  return ids;
}

/**
 * A place after many restores to the latest moment, an hour apart: each made a timeline, which goes on in the middle
 * of the last segment of the one before it, and bases.
 */
export function oftenRestored({
  timelines,
  basesEach,
  segmentsEach,
  now,
}: {
  timelines: number;
  basesEach: number;
  segmentsEach: number;
  now: Date;
}): WrittenPlace {
  const numbers = Array.from({ length: timelines }, (_, index) => index + 1);
  const beganAt = (timeline: number) => new Date(now.getTime() - (timelines - timeline + 1) * 3_600_000);
  const runOf = (timeline: number) => `${hex8(timeline)}-0001`;
  const leaves = (timeline: number) => ({ timeline, segment: (timeline + 1) * segmentsEach });
  return {
    bases: numbers.flatMap((timeline) =>
      Array.from({ length: basesEach }, (_, index) => ({
        timeline,
        segment: timeline * segmentsEach,
        endedAt: new Date(beganAt(timeline).getTime() + 5000 + index * 60_000),
      })),
    ),
    runs: Object.fromEntries(
      numbers.map((timeline) => [
        runOf(timeline),
        Array.from({ length: segmentsEach + 1 }, (_, index) => timeline * segmentsEach + index),
      ]),
    ),
    histories: Object.fromEntries(
      numbers.slice(1).map((timeline) => [timeline, numbers.slice(0, timeline - 1).map(leaves)]),
    ),
    live: numbers.map((timeline) => ({ at: beganAt(timeline), run: runOf(timeline) })),
    keepSeconds: 365 * 86_400,
    covered: now,
  };
}

function hex8(number: number): string {
  return number.toString(16).toUpperCase().padStart(8, '0');
}

function lsnText(at: number): string {
  return `${Math.floor(at / 2 ** 32).toString(16)}/${(at % 2 ** 32).toString(16)}`.toUpperCase();
}

/** A new folder of this machine for {@link writePlace}. */
export function emptyPlace(): string {
  return mkdtempSync(join(tmpdir(), 'invctl place '));
}

/** What a place has, sorted: `bases/<id>`, `wal/<run>/<file>`. */
export function contentOf(folder: string): string[] {
  const names = (of: string) => readdirSync(join(folder, of)).sort();
  return [
    ...names('bases').map((id) => `bases/${id}`),
    ...names('wal').flatMap((run) => names(join('wal', run)).map((file) => `wal/${run}/${file}`)),
  ];
}
