import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { beginJournal, endEntry, readJournal } from '../../../src/system/journal.js';
import { withProjectLock } from '../../../src/system/lock.js';

let directory: string;
let state: { stateFolder: string };
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'invctl-journal-'));
  state = { stateFolder: join(directory, '.invctl') };
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('the journal', () => {
  it('is on the disk before a step, and gone at the end', async () => {
    const journal = await beginJournal(state, { operation: 'db restore', id: 'a1' });
    expect(await readJournal(state)).toEqual([]);
    await journal.step('load', { scratch: 'x' });
    await journal.step('swap', { scratch: 'y' });
    const file = join(directory, '.invctl', 'journal', 'a1.json');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      id: 'a1',
      operation: 'db restore',
      step: 'swap',
      harmless: false,
      state: { scratch: 'y' },
    });
    await journal.end();
    expect(existsSync(join(directory, '.invctl', 'journal'))).toBe(false);
  });

  it('keeps others from changing the project until it is recovered', async () => {
    const journal = await beginJournal(state, { operation: 'db restore', id: 'a1' });
    await journal.step('load', {});
    let ran = false;
    const change = async () => {
      ran = true;
    };
    await expect(withProjectLock(state, { command: 'invctl up' }, change)).rejects.toMatchObject({
      code: 'UNFINISHED_OPERATION',
      details: { operation: 'db restore', step: 'load', id: 'a1' },
    });
    expect(ran).toBe(false);
    await withProjectLock(state, { command: 'invctl recover', recovers: true }, () => endEntry(state, 'a1'));
    await withProjectLock(state, { command: 'invctl up' }, change);
    expect(ran).toBe(true);
  });

  it('lets others go on where only litter was left', async () => {
    const journal = await beginJournal(state, { operation: 'db backup', id: 'b1', harmless: true });
    await journal.step('dump', {});
    await withProjectLock(state, { command: 'invctl up' }, async () => {});
    expect(await readJournal(state)).toHaveLength(1);
  });
});
