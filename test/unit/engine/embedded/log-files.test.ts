import { appendFile, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { LogReader, openLog, readLogs } from '../../../../src/engine/embedded/log-files.js';
import type { LogEntry } from '../../../../src/engine/engine.js';
import { temporaryFolder } from '../../../support/folder.js';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  file = join(folder, 'api.log');
});

const collect = async (entries: AsyncIterable<LogEntry>) => {
  const found: LogEntry[] = [];
  for await (const entry of entries) found.push(entry);
  return found;
};
const lines = async (entries: AsyncIterable<LogEntry>) => (await collect(entries)).map(({ line }) => line);
const reader = () => new LogReader(folder, 'api');

describe('reading a log', () => {
  test('gives what was put aside first, and the last line without a line feed', async () => {
    await writeFile(`${file}.1`, 'one\r\ntwo\n');
    await writeFile(file, 'three\nfour');
    expect(await lines(readLogs([reader()], {}))).toEqual(['one', 'two', 'three', 'four']);
  });

  test('gives nothing where there is no log', async () => {
    expect(await lines(readLogs([reader()], {}))).toEqual([]);
  });

  test('goes on where it was, through rotation and truncation, and keeps a half line back', async () => {
    const following = reader();
    await writeFile(file, 'one\ntw');
    expect(await lines(following.read())).toEqual(['one']);
    await appendFile(file, 'o\n');
    expect(await lines(following.read())).toEqual(['two']);
    await appendFile(file, 'three\n');
    await rename(file, `${file}.1`);
    await writeFile(file, 'four\n');
    expect(await lines(following.read())).toEqual(['three', 'four']);
    await truncate(file, 0);
    await appendFile(file, '5\n');
    expect(await lines(following.read())).toEqual(['5']);
    await following.close();
  });

  test('joins characters that lie across two reads', async () => {
    const text = `${'x'.repeat(64 * 1024 - 1)}é数`;
    await writeFile(file, `${text}\n`);
    expect(await lines(readLogs([reader()], {}))).toEqual([text]);
  });
});

describe('the times of lines', () => {
  test.each([
    ['2026-01-02 03:04:05.678 UTC [12] LOG:  ready', '2026-01-02T03:04:05.678Z'],
    ['2026-01-02T03:04:05+02:00 started', '2026-01-02T01:04:05.000Z'],
    ['{"level":30,"time":1767323045678,"msg":"x"}', '2026-01-02T03:04:05.678Z'],
    ['{"time":"2026-01-02T03:04:05.678Z"}', '2026-01-02T03:04:05.678Z'],
    ['no time at all', undefined],
    ['2026-99-99 99:99:99 UTC nonsense', undefined],
  ])('%s', async (line, time) => {
    await writeFile(file, `${line}\n`);
    expect((await collect(readLogs([reader()], {})))[0]?.time).toBe(time);
  });

  test('a line without one has that of the line before', async () => {
    await writeFile(file, '2026-01-02 03:04:05 UTC ERROR\n    at somewhere\n');
    expect((await collect(readLogs([reader()], {})))[1]?.time).toBe('2026-01-02T03:04:05.000Z');
  });

  test('put the lines of several logs in order, cut each, and leave out what is before a time', async () => {
    const line = (second: number, text: string) => `2026-01-01 00:00:0${second} UTC ${text}\n`;
    await writeFile(file, line(1, 'a1') + line(3, 'a3') + line(5, 'a5'));
    await writeFile(join(folder, 'db.log'), line(2, 'd2') + line(4, 'd4'));
    const both = () => [reader(), new LogReader(folder, 'db')];
    const words = async (options: { tail?: number; since?: string }) =>
      (await lines(readLogs(both(), options))).map((text) => text.split(' ').at(-1));
    expect(await words({})).toEqual(['a1', 'd2', 'a3', 'd4', 'a5']);
    expect(await words({ tail: 1 })).toEqual(['d4', 'a5']);
    expect(await words({ tail: 0 })).toEqual([]);
    expect(await words({ since: '2026-01-01T00:00:04Z' })).toEqual(['d4', 'a5']);
  });
});

describe('opening a log', () => {
  test('appends to a small one and puts a large one aside', async () => {
    await writeFile(file, 'small\n');
    await (await openLog(folder, 'api')).close();
    expect(await lines(readLogs([reader()], {}))).toEqual(['small']);
    await truncate(file, 10 * 1024 * 1024 + 1);
    const log = await openLog(folder, 'api');
    expect((await log.stat()).size).toBe(0);
    await log.close();
  });
});
