import type { WriteStream } from 'node:tty';
import { expect, test } from 'vitest';
import { Progress } from '../../src/replay/progress.js';

function output(isTTY: boolean): { stream: WriteStream; written: string[] } {
  const written: string[] = [];
  const stream = { isTTY, write: (text: string) => written.push(text) } as unknown as WriteStream;
  return { stream, written };
}

test('on a terminal there is a bar, which leaves its line empty', () => {
  const { stream, written } = output(true);
  const progress = new Progress(stream, 200);
  progress.advance(100, 7);
  expect(written[0]).toMatch(/^\r\[#{15}-{15}\] {2}50 % {2}7 lines, \d+\/s/);
  progress.clear();
  expect(written.at(-1)).toBe('\r\u001b[K');
});

test('on a pipe there is nothing', () => {
  const { stream, written } = output(false);
  const progress = new Progress(stream, 200);
  progress.advance(100, 7);
  progress.clear();
  expect(written).toEqual([]);
});
