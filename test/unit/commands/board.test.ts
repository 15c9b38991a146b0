import { PassThrough } from 'node:stream';
import { afterEach, expect, it, vi } from 'vitest';
import type { Context } from '../../../src/cli/context.js';
import { createBoard } from '../../../src/commands/up/board.js';
import { createPlainProgress } from '../../../src/output/progress.js';
import { createStyle } from '../../../src/output/style.js';

afterEach(() => {
  vi.useRealTimers();
});

it('a step that hangs says each minute, in a log, that it goes on, with the last that it printed', async () => {
  vi.useFakeTimers();
  const stream = new PassThrough();
  const progress = createPlainProgress(stream, createStyle(false));
  const board = await createBoard({ output: { progress: async () => progress } } as unknown as Context, true);
  const printed = () =>
    String(stream.read() ?? '')
      .split('\n')
      .filter(Boolean);
  board.show({ service: 'api', phase: 'building', elapsedMs: 1, detail: 'RUN npm ci' });
  board.show({ service: 'api', phase: 'building', elapsedMs: 2, detail: 'RUN npm ci', output: 'asking' });
  board.show({ service: 'db', phase: 'healthy', elapsedMs: 3 });
  expect(printed()).toHaveLength(2);
  vi.advanceTimersByTime(59_000);
  expect(printed()).toEqual([]);
  vi.advanceTimersByTime(61_000);
  expect(printed()).toEqual([
    expect.stringMatching(/^- api +building +1 min +RUN npm ci +asking$/),
    expect.stringMatching(/^- api +building +2 min.* +RUN npm ci +asking$/),
  ]);
  board.stop();
  vi.advanceTimersByTime(120_000);
  expect(printed()).toEqual([]);
});
