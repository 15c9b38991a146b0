import { describe, expect, it } from 'vitest';
import type { Progress } from '../../../src/output/progress.js';
import { describeTransfer, TransferLine } from '../../../src/output/transfer-line.js';

describe('describeTransfer', () => {
  it('tells bytes, rate and time left as far as they are known', () => {
    expect(describeTransfer('dump', { bytes: 0 }, 0)).toBe('dump  0 B');
    expect(describeTransfer('dump', { bytes: 5e6 }, 2000)).toBe('dump  5 MB, 2.5 MB/s');
    expect(describeTransfer('dump', { bytes: 5e6, expected: 20e6 }, 2000)).toBe(
      'dump  5 MB of about 20 MB, 2.5 MB/s, 6.0 s left',
    );
    expect(describeTransfer('dump', { bytes: 30e6, expected: 20e6 }, 2000)).toBe('dump  30 MB, 15 MB/s');
  });
});

describe('TransferLine', () => {
  it('prints one line where lines do not change in place', () => {
    const lines: string[] = [];
    const progress: Progress = {
      live: false,
      set: (_key, mark, text) => lines.push(`${mark} ${typeof text === 'function' ? text() : text}`),
      above: () => {},
      stop: () => {},
    };
    const line = new TransferLine(progress);
    line.show('dump', { bytes: 1 });
    line.show('dump', { bytes: 2 });
    line.done('2 B');
    expect(lines).toEqual([expect.stringMatching(/^done 2 B \(\d+ ms\)$/)]);
  });
});
