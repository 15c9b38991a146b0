import { execFile } from 'node:child_process';
import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
/** Each builds the API. */
const SLOW_MS = 120_000;

let folder: string;
const at = (...path: string[]) => join(folder, ...path);
const build = () => run('node', ['compile.mjs', 'notes'], { cwd: folder });
const packages = () => readFile(at('dist/packages.js'), 'utf8');

/** What the built API says of itself: it has loaded all of its modules then. */
async function document(): Promise<{ paths: Record<string, unknown> }> {
  await run('node', ['dist/openapi.js', 'openapi.json'], { cwd: folder });
  return JSON.parse(await readFile(at('openapi.json'), 'utf8'));
}

/** Writes a package, of which `answer` is the only name but its default. */
async function writePackage(name: string, answer: string): Promise<void> {
  await mkdir(at('node_modules', name), { recursive: true });
  const types = 'export declare const answer: string; export default answer;';
  await Promise.all([
    writeFile(
      at('node_modules', name, 'package.json'),
      JSON.stringify({ name, type: 'module', main: 'at.js' }),
    ),
    writeFile(
      at('node_modules', name, 'at.js'),
      `export const answer = '${answer}'; export default answer;\n`,
    ),
    writeFile(at('node_modules', name, 'at.d.ts'), types),
  ]);
}

/** The source of the API, with an end of its own. */
async function writeSource(end: string): Promise<void> {
  await cp(resolve('src/openapi.ts'), at('src/openapi.ts'));
  await appendFile(at('src/openapi.ts'), end);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'compile '));
  for (const name of ['src', 'compile.mjs', 'tsconfig.json', 'package.json', 'migrations']) {
    await cp(resolve(name), at(name), { recursive: true });
  }
  await mkdir(at('node_modules'));
  for (const name of (await readdir(resolve('node_modules'))).filter((one) => !one.startsWith('.'))) {
    await symlink(resolve('node_modules', name), at('node_modules', name));
  }
  await writePackage('an.odd-name', 'its first answer');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('what is imported of packages comes from one file, which is made again when a file or a name of them is another', {
  timeout: SLOW_MS,
}, async () => {
  await build();
  const before = await packages();
  expect(before).not.toContain('its first answer');

  await writeSource("import { answer } from 'an.odd-name';\nconsole.log(answer);\n");
  await build();
  expect(await packages()).toContain('its first answer');
  expect((await document()).paths).toHaveProperty('/health');

  await writePackage('an.odd-name', 'its second answer');
  await build();
  expect(await packages()).toContain('its second answer');

  await writeSource("import other, { answer } from 'an.odd-name';\nconsole.log(answer, other);\n");
  await build();
  expect((await document()).paths).toHaveProperty('/health');

  await rm(at('notes'), { recursive: true });
  await build();
  const made = await packages();
  await rm(at('dist'), { recursive: true });
  await build();
  expect(await packages(), 'as it was kept').toBe(made);

  for (const name of ['packages.json', 'packages.js']) {
    await writeFile(at('notes', name), 'cut off in the midd');
    await build();
    expect(await packages()).toBe(made);
  }
});

test.each([
  ['import *', "import * as all from 'an.odd-name';\nconsole.log(all.answer);\n"],
  ['export *', "export * from 'an.odd-name';\n"],
  ['import()', "console.log((await import('an.odd-name')).answer);\n"],
  ['for its effect alone', "import 'an.odd-name';\n"],
  ['zod as a namespace, of which there is one', "import * as zod from 'zod';\nconsole.log(zod.string());\n"],
])('a package may be imported in any way: %s', { timeout: SLOW_MS }, async (_way, end) => {
  await writeSource(end);
  await build();
  expect((await document()).paths).toHaveProperty('/health');
  expect(await readdir(at('dist'))).not.toContain('packages.js.map');
});

test('a name that a package does not have is an error with its place', { timeout: SLOW_MS }, async () => {
  await writeSource("import { nothing } from 'an.odd-name';\nconsole.log(nothing);\n");
  await expect(build()).rejects.toMatchObject({
    stdout: expect.stringMatching(/src\/openapi\.ts\(\d+,10\): error TS2\d{3}: .*nothing/),
  });
});
