import { describe, expect, it } from 'vitest';
import type { Progress } from '../../../src/output/progress.js';
import { describeTransfer, TransferLine } from '../../../src/output/transfer-line.js';

describe('describeTransfer', () => {
  it('tells bytes, rate and time left as far as they are known', () => {
    expect(describeTransfer('dump', { bytes: 5e6 }, 2000)).toBe('dump  5 MB, 2.5 MB/s');
    expect(describeTransfer('dump', { bytes: 5e6, expected: 20e6 }, 2000)).toBe(
      'dump  5 MB of about 20 MB, 2.5 MB/s, 6.0 s left',
    );
    expect(describeTransfer('dump', { bytes: 30e6, expected: 20e6 }, 2000)).toBe('dump  30 MB, 15 MB/s');
  });

  it('tells the time, and no rate, where no bytes flow', () => {
    expect(describeTransfer('dump', { bytes: 0, expected: 20e6 }, 0)).toBe('dump');
    expect(describeTransfer('swap', { bytes: 0, expected: 0 }, 2000)).toBe('swap  2.0 s');
    expect(describeTransfer('compare', { bytes: 30e6, expected: 30e6 }, 3000, 30e6)).toBe('compare  3.0 s');
    expect(describeTransfer('load', { bytes: 30e6, expected: 60e6 }, 2000, 10e6)).toBe(
      'load  30 MB of about 60 MB, 10 MB/s, 3.0 s left',
    );
  });
});

describe('TransferLine', () => {
  it('counts each phase by itself', () => {
    let shown = () => '';
    const progress: Progress = {
      live: true,
      set: (_key, _mark, text) => {
        shown = typeof text === 'function' ? text : () => text;
      },
      above: () => {},
      stop: () => {},
    };
    const line = new TransferLine(progress);
    line.show('load', { bytes: 0, expected: 9e6 });
    expect(shown()).toBe('load');
    line.show('load', { bytes: 9e6, expected: 9e6 });
    expect(shown()).toBe('load  9 MB');
    line.show('compare', { bytes: 9e6, expected: 9e6 });
    expect(shown()).toBe('compare');
  });

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
