import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createProcessRunner } from '../../../src/system/process.js';

describe('the output of a program', () => {
  const processes = createProcessRunner({ env: process.env });
  const BYTES = 300_000;
  const program = ['-e', `process.stdout.write(Buffer.alloc(${BYTES}, 120))`];

  /** Takes each piece later than the program gives the next. */
  function slowSink(): { sink: Writable; taken: () => number } {
    let bytes = 0;
    const sink = new Writable({
      async write(chunk: Buffer, _encoding, done) {
        await sleep(50);
        bytes += chunk.length;
        done();
      },
    });
    return { sink, taken: () => bytes };
  }

  it('has all been taken by a slow stream when a run is over', async () => {
    const { sink, taken } = slowSink();
    await processes.run(process.execPath, program, { output: sink });
    expect(taken()).toBe(BYTES);
  });

  it('and when a program that was given a stream for its terminal is', async () => {
    const { sink, taken } = slowSink();
    const status = await processes.passThrough(process.execPath, program, { stdin: 'ignore', stdout: sink });
    expect([status, taken()]).toEqual([0, BYTES]);
  });

  it('a stream that breaks ends the program, and its error is told', async () => {
    const sink = new Writable({ write: (_chunk, _encoding, done) => done(new Error('no room')) });
    await expect(processes.run(process.execPath, program, { output: sink })).rejects.toThrow('no room');
  });
});
