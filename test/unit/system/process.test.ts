import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createProcessRunner } from '../../../src/system/process.js';

const { run } = createProcessRunner({ env: process.env });

describe('a program whose output goes to a stream', () => {
  // Two lines that arrive as two chunks.
  const script = `process.stdout.write('one\\n', () => setTimeout(() => process.stdout.write('two\\n'), 50))`;

  it('has been taken whole when the call returns, however slow the taker', async () => {
    let taken = '';
    const slow = new Writable({
      async write(chunk: Buffer, _encoding, done) {
        await sleep(300);
        taken += chunk;
        done();
      },
    });
    await run(process.execPath, ['-e', script], { output: slow });
    expect(taken).toBe('one\ntwo\n');
    expect(slow.writableEnded).toBe(false);
  });

  it('fails with the error of a taker that breaks at the last of it', async () => {
    const breaking = new Writable({
      async write(chunk: Buffer, _encoding, done) {
        await sleep(300);
        done(String(chunk) === 'two\n' ? new Error('the disk is full') : null);
      },
    });
    await expect(run(process.execPath, ['-e', script], { output: breaking })).rejects.toThrow(
      'the disk is full',
    );
  });
});
