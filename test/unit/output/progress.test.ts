import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import { createLiveProgress } from '../../../src/output/progress.js';
import { createStyle } from '../../../src/output/style.js';

async function liveProgress() {
  const stream = Object.assign(new PassThrough(), { columns: 30, isTTY: true });
  const terminal = { printed: '' };
  stream.on('data', (chunk) => {
    terminal.printed += chunk;
  });
  const progress = await createLiveProgress(stream as unknown as NodeJS.WriteStream, createStyle(true));
  return { progress, terminal };
}

it('a line of a job is one row of the terminal, whatever it says', async () => {
  const { progress, terminal } = await liveProgress();
  progress.set('api', 'working', `cached  RUN ${'npm ci '.repeat(20)}`);
  progress.stop();
  const last = stripVTControlCharacters(terminal.printed).trimEnd().split('\n').at(-1) as string;
  expect(last).toHaveLength(30);
  expect(last.endsWith('…')).toBe(true);
});

it('what is said meanwhile takes the place of the lines, which go on below it', async () => {
  const { progress, terminal } = await liveProgress();
  progress.set('load', 'working', 'load  0 B');
  terminal.printed = '';
  progress.above('warning: mind the gap');
  const [before, after] = terminal.printed.split('warning: mind the gap\n');
  const ERASE_LINE = '\u001b[2K';
  expect(before).toContain(ERASE_LINE);
  expect(before).not.toContain('load');
  expect(after).toContain('load  0 B');
  progress.stop();
  terminal.printed = '';
  progress.above('warning: the end');
  expect(terminal.printed).toBe('warning: the end\n');
});
