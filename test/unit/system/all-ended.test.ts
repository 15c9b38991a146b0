import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { allEnded } from '../../../src/system/all-ended.js';

describe('allEnded', () => {
  it('gives each result in its place', async () => {
    expect(await allEnded([sleep(5, 'a'), Promise.resolve(1)])).toEqual(['a', 1]);
  });

  it('fails once nothing is under way any more, with the first error of the list', async () => {
    let ended = false;
    const slow = sleep(20).then(() => {
      ended = true;
      throw new Error('first');
    });
    await expect(allEnded([slow, Promise.reject(new Error('second'))])).rejects.toThrow('first');
    expect(ended).toBe(true);
  });
});
