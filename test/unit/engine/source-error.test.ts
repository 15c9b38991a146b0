import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { firstSourceError } from '../../../src/engine/source-error.js';
import { temporaryFolder } from '../../support/folder.js';

let context: string;

beforeEach(async () => {
  context = await temporaryFolder();
  for (const path of ['src/a.ts', 'src/app.py', 'cmd/main.go', 'node_modules/x/b.ts']) {
    await mkdir(join(context, path, '..'), { recursive: true });
    await writeFile(join(context, path), '');
  }
});

it.each([
  [
    'tsc in a container',
    "#11 6.160 src/a.ts(7,5): error TS2322: Type 'a'.",
    'src/a.ts',
    7,
    "error TS2322: Type 'a'.",
  ],
  ['tsc with colours', '\u001b[96msrc/a.ts\u001b[0m:7:5 - error TS1: no', 'src/a.ts', 7, 'error TS1: no'],
  ['go', './cmd/main.go:3:2: undefined: x', 'cmd/main.go', 3, 'undefined: x'],
  ['node', '/app/src/a.ts:12', 'src/a.ts', 12, '/app/src/a.ts:12'],
  ['python', '  File "/code/src/app.py", line 9', 'src/app.py', 9, 'File "/code/src/app.py", line 9'],
])('finds the place that %s names', (_, line, file, number, message) => {
  expect(
    firstSourceError(['> build', 'at noon 12:30:', line, 'src/a.ts(9,9): error later'], context),
  ).toEqual({
    file: join(context, file),
    line: number,
    message,
  });
});

it('takes nothing for a place that is no file of the context, or one of its packages', () => {
  const lines = [
    'src/gone.ts(7,5): error TS1: no',
    'node_modules/x/b.ts(1,1): error TS1: no',
    'GET http://x:80:1: ok',
  ];
  expect(firstSourceError(lines, context)).toBeUndefined();
});
