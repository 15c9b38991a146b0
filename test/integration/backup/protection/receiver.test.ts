import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  contentOf,
  emptyPlace,
  SEGMENT_BYTES,
  type WrittenPlace,
  writePlace,
} from '../../../support/protection/place.js';
import { byReceiver } from '../../../support/protection/receiver.js';

const now = new Date();
const ago = (seconds: number) => new Date(Math.floor(now.getTime() / 1000) * 1000 - seconds * 1000);

describe('the receiver', () => {
  let folder: string;
  beforeEach(() => {
    folder = emptyPlace();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    [100, 'young'],
    [2 * 86_400, 'due'],
  ])(
    'does not go by a base without a mark, or with a damaged one: after %i s, the next is %s',
    async (seconds, said) => {
      const written = {
        bases: [{ timeline: 1, segment: 12, endedAt: ago(seconds) }],
        runs: { '00000001-0001': [12, 13] },
        live: [{ at: ago(3 * 86_400), run: '00000001-0001' }],
        keepSeconds: 60,
        covered: now,
      };
      await writePlace(folder, written);
      for (const name of ['20301129T120000Z', '20301129T120001Z']) mkdirSync(join(folder, 'bases', name));
      writeFileSync(join(folder, 'bases', '20301129T120001Z', 'base.json'), '{"id":"2030');
      expect(byReceiver(folder, written, 'clock; if base_is_due; then echo due; else echo young; fi')).toBe(
        `${said}\n`,
      );
      byReceiver(folder, written, 'remove_old');
      expect(contentOf(folder).length).toBe(5);
    },
  );

  it('says that all is stored until it asked, where the server told of no more than was on the disk by then', async () => {
    const written: WrittenPlace = { bases: [], runs: {}, live: [], keepSeconds: 60, covered: ago(100) };
    await writePlace(folder, written);
    const beats = [
      { server: '0/5000', flushed: '0/5000' },
      { server: '0/6000', flushed: '0/5800' },
      { server: '0/7000', flushed: '0/5900' },
      { server: '0/8000', flushed: '0/7000' },
    ];
    // Each at another second.
    const commands = beats.map(
      ({ server, flushed }, index) => `clock() { at=${1000 + index} now=${1000 + index}; }
        ask() { printf '7123|1|${server}|shop\\nphysical|${flushed}|1\\n'; }
        beat; sed -n 's/^covered=//p' "$PLACE/state/now"`,
    );
    expect(byReceiver(folder, written, commands.join('\n'))).toBe('1000\n1000\n1000\n1002\n');
  });

  it('never goes back with the clock of the machine, and says what that shows', async () => {
    const written: WrittenPlace = { bases: [], runs: {}, live: [], keepSeconds: 60, covered: now };
    await writePlace(folder, written);
    const covered = Math.floor(now.getTime() / 1000);
    const commands = `date() { echo 1000; }
      covered=${covered}; clock; note waiting; echo "$now"; sed -n '/^at=/p; /^covered=/p' "$PLACE/state/now"
      date() { echo ${covered + 5}; }
      clock; echo "$now"`;
    expect(byReceiver(folder, written, commands)).toBe(
      `${covered}\nat=1000\ncovered=${covered}\n${covered + 5}\n`,
    );
  });

  it('starts date, df and mv alone in a beat, beside psql', async () => {
    const run = '00000001-0001';
    const written: WrittenPlace = {
      bases: [{ timeline: 1, segment: 12, endedAt: ago(10) }],
      runs: { [run]: [12] },
      live: [{ at: ago(100), run }],
      keepSeconds: 60,
      covered: ago(100),
    };
    await writePlace(folder, written);
    const programs = join(folder, 'programs');
    mkdirSync(programs);
    for (const name of ['date', 'df', 'mv']) {
      symlinkSync(execFileSync('which', [name], { encoding: 'utf8' }).trim(), join(programs, name));
    }
    const commands = `PATH=$PLACE/programs
      ask() { echo '7123|1|0/5000|shop'; echo 'physical|0/5000|1'; }
      await_disk; beat
      disk_is_nearly_full; base_is_due && echo due
      while IFS= read -r line; do echo "$line"; done <"$PLACE/state/now"`;
    const said = byReceiver(folder, written, `{ ${commands}; } 2>&1`);
    expect(said).toMatch(
      /^state=receiving\nat=(\d+)\ncovered=\1\nlsn=0\/5000\ntimeline=1\nrun=\nevery=86400\nkeep=60\nmessage=\n$/,
    );
  });

  it.each([
    ['1000000 900000 50000 95%', ''],
    ['1000000 900000 49999 95%', '48 MB left, and 48 MB are kept free'],
    ['100000000 90000000 1048575 95%', '1023 MB left, and 1024 MB are kept free'],
    ['1000 900 3071 95%', '2 MB left, and 3 MB are kept free'],
    ['- - - -', ''],
  ])('knows from %j of df whether the disk is nearly full', async (columns, left) => {
    const written: WrittenPlace = { bases: [], runs: {}, live: [], keepSeconds: 60, covered: now };
    await writePlace(folder, written);
    const commands = `df() { printf '%s\\n' 'Filesystem 1024-blocks Used Available Capacity Mounted on' '/dev/vda ${columns} /a b'; }
      if disk_is_nearly_full; then printf %s "$left"; fi`;
    expect(byReceiver(folder, written, commands)).toBe(left);
  });

  it('has a hash of a segment that came in while it made that of another one', async () => {
    const run = '00000001-0001';
    const written: WrittenPlace = {
      bases: [],
      runs: { [run]: [12] },
      live: [{ at: ago(100), run }],
      keepSeconds: 60,
      covered: now,
    };
    await writePlace(folder, written);
    const sums = join(folder, 'wal', run, 'SHA256SUMS');
    rmSync(sums, { force: true });
    const late = '00000001000000000000000D';
    writeFileSync(join(folder, 'wal', run, `${late}.partial`), 'of the next segment');
    byReceiver(
      folder,
      written,
      `sha256sum() {
         [ ! -e ${late}.partial ] || mv ${late}.partial ${late}
         sleep 0.1
         command sha256sum "$@"
       }
       keep_house
       keep_house`,
    );
    expect(readFileSync(sums, 'utf8')).toMatch(
      new RegExp(`^[0-9a-f]{64} [ *]00000001000000000000000C\n[0-9a-f]{64} [ *]${late}\n$`),
    );
  });

  it('lets the receiver of the place’s own server write, where it is asked to receive from another one', async () => {
    const written: WrittenPlace = { bases: [], runs: {}, live: [], keepSeconds: 60, covered: ago(100) };
    await writePlace(folder, written);
    writeFileSync(join(folder, 'system'), `7000000000000000001\n${SEGMENT_BYTES}\n`);
    const lock = join(folder, 'state', 'receiver.lock');
    const said = byReceiver(
      folder,
      written,
      `ask() { echo '7000000000000000002|1|0/5000|'; }
       pause() { flock -n '${lock}' true && echo free; exit 0; }
       receive`,
    );
    expect(said).toBe('free\n');
    expect(readFileSync(join(folder, 'state', 'now'), 'utf8')).toContain('state=refused\n');
  });
});
