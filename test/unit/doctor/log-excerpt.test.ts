import { expect, it } from 'vitest';
import { logExcerpt } from '../../../src/doctor/log-excerpt.js';

it('of lines that differ in numbers alone shows the last, and of a long one both ends', () => {
  expect(logExcerpt(['try 1 at 10:00', 'try 2 at 10:05', 'gave up', 'try 3 at 10:10'])).toEqual([
    'try 2 at 10:05      (2 like this one)',
    'gave up',
    'try 3 at 10:10',
  ]);
  const [long = ''] = logExcerpt([`begin${'x'.repeat(1000)}end`]);
  expect([long.length, long.startsWith('begin'), long.endsWith('end')]).toEqual([300, true, true]);
});
