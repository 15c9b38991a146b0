import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ownOutput } from '../../../../src/system/ssh/own-output.js';

const [, MARK = ''] = /^printf '%s\\n' (\S+)\n/.exec(ownOutput('true').script) ?? [];

describe('the output of a script on a host', () => {
  it('begins after what the login shell printed', () => {
    const own = ownOutput('df -P /');
    const [, mark = ''] = /^printf '%s\\n' (\S+)\ndf -P \/$/.exec(own.script) ?? [];
    expect(own.of(`Welcome!\nto ${mark} of\n${mark}\nheld\n`)).toBe('held\n');
    expect(own.of(`${mark}\n`)).toBe('');
    // The shell let nothing run.
    expect(own.of('This account is currently not available.\n')).toBe(
      'This account is currently not available.\n',
    );
    expect(mark).not.toBe(MARK);
  });

  it('comes through a stream byte by byte, whatever it is', async () => {
    const own = ownOutput('cat');
    const [, mark = ''] = /^printf '%s\\n' (\S+)\n/.exec(own.script) ?? [];
    const bytes = Buffer.from([0, 255, 10, 128, 13, 10, 0]);
    const all = Buffer.concat([Buffer.from(`noise \xff\n${mark}\n`, 'latin1'), bytes]);
    for (const size of [1, 7, all.length]) {
      const target = new PassThrough({ highWaterMark: 1 });
      const got: Buffer[] = [];
      target.on('data', (chunk: Buffer) => got.push(chunk));
      const through = ownOutput('cat').through(target);
      // Another call has another line.
      through.write(all);
      expect(got).toEqual([]);
      const mine = own.through(target);
      for (let at = 0; at < all.length; at += size) mine.write(all.subarray(at, at + size));
      await new Promise((resolve) => mine.end(resolve));
      expect(Buffer.concat(got)).toEqual(bytes);
      expect(target.writableEnded).toBe(false);
    }
  });
});
