import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import { createLiveProgress } from '../../../src/output/progress.js';
import { createStyle } from '../../../src/output/style.js';

it('a line of a job is one row of the terminal, whatever it says', async () => {
  const stream = Object.assign(new PassThrough(), { columns: 30, isTTY: true });
  let printed = '';
  stream.on('data', (chunk) => {
    printed += chunk;
  });
  const progress = await createLiveProgress(stream as unknown as NodeJS.WriteStream, createStyle(true));
  progress.set('api', 'working', `cached  RUN ${'npm ci '.repeat(20)}`);
  progress.stop();
  const last = stripVTControlCharacters(printed).trimEnd().split('\n').at(-1) as string;
  expect(last).toHaveLength(30);
  expect(last.endsWith('…')).toBe(true);
});
