import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bin, invctl } from '../../support/cli.js';
import { EditedStack } from '../../support/edited-stack.js';
import { disposeOf, embeddedEnvironment } from '../../support/embedded.js';
import { createTinyStack, type TinyStack } from '../../support/tiny-stack.js';

interface Line {
  event: string;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the shape that it asks for.
  [field: string]: any;
}

let stack: TinyStack;
let edited: EditedStack;
let env: NodeJS.ProcessEnv;
let child: ChildProcess;
let ended: Promise<number | null>;
const lines: Line[] = [];
let seen = 0;
let wake = () => {};

/** The next line of this event; what comes before it has been read then. */
async function next(event: string): Promise<Line> {
  for (;;) {
    while (seen < lines.length) {
      const line = lines[seen++] as Line;
      if (line.event === event) return line;
    }
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${JSON.stringify(lines)}`);
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
}

beforeAll(async () => {
  stack = await createTinyStack('a project');
  edited = new EditedStack(stack);
  await edited.prepare();
  env = await embeddedEnvironment(stack);
  child = spawn(process.execPath, [bin, '--engine', 'embedded', '--json', 'watch'], {
    cwd: stack.directory,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  ended = new Promise((resolve) => {
    child.once('close', (code) => {
      resolve(code);
      wake();
    });
  });
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    lines.push(JSON.parse(line) as Line);
    wake();
  });
  await next('watching');
});
afterAll(async () => {
  child?.kill('SIGKILL');
  await ended;
  expect(await disposeOf(stack, env)).toEqual([]);
});

it('brings the project up first', () => {
  expect(lines.map(({ event }) => event)).toEqual(['served', 'watching']);
  expect(lines[1]).toMatchObject({ services: ['api'], folders: [join(stack.directory, 'api')] });
});

it('serves an edit, written by rename, in a process of its own', async () => {
  const before = await edited.process();
  await edited.answer('two');
  const { seconds, services } = await next('served');
  expect(await edited.says()).toBe('two');
  expect(await edited.process()).not.toBe(before);
  expect(seconds).toBeGreaterThan(0);
  expect(services).toMatchObject([{ name: 'api', health: 'healthy' }]);
});

it('tells file and line of what does not compile, and the old process lives on', async () => {
  const before = await edited.process();
  const line = await edited.breakSource();
  const { error } = await next('not-built');
  expect(error).toMatchObject({ code: 'BUILD_FAILED', file: edited.source, line });
  expect(await edited.process()).toBe(before);
  expect(await edited.says()).toBe('two');
  await edited.mendSource();
  await next('unchanged');
  expect(await edited.process()).toBe(before);
});

it('finds nothing to do after a touch, and does not see what is ignored', async () => {
  await utimes(edited.source, new Date(), new Date());
  expect((await next('changed')).files).toEqual([edited.source]);
  await next('unchanged');
  await writeFile(join(stack.directory, 'api/notes'), 'ignored');
  await edited.answer('noted');
  expect((await next('changed')).files).toEqual([edited.source]);
  await next('served');
});

it('takes 2,000 files at once, and an edit in the middle of them', async () => {
  const files = edited.bringFiles(2000);
  await edited.answer('three');
  await files;
  while ((await edited.says()) !== 'three') await next('served');
  expect(existsSync(join(stack.directory, 'api/dist/many/1999.txt'))).toBe(true);
});

it('follows the compose file, and outlives an invalid one', async () => {
  await stack.configure({ GREETING: 'other' });
  await next('served');
  const facts = await fetch(`http://127.0.0.1:${stack.port}/facts`);
  expect(await facts.json()).toMatchObject({ greeting: 'other' });
  await writeFile(join(stack.directory, 'compose.yaml'), 'services: [');
  expect((await next('not-built')).error).toMatchObject({ file: join(stack.directory, 'compose.yaml') });
  await stack.configure({ GREETING: 'other' });
  await next('unchanged');
});

it('ends with 130 on Ctrl-C, and the project stays up', async () => {
  child.kill('SIGINT');
  expect(await ended).toBe(130);
  expect(await edited.says()).toBe('three');
  expect(existsSync(join(stack.directory, '.invctl/project.lock'))).toBe(false);
  const ps = await invctl(['--engine', 'embedded', '--json', 'up', '--no-build'], {
    cwd: stack.directory,
    env,
  });
  expect(JSON.parse(ps.stdout)).toMatchObject({
    ok: true,
    data: { outdated: [], unchanged: expect.arrayContaining(['api', 'db']) },
  });
});

it('says with --no-build what is older than its source', async () => {
  await edited.answer('four');
  const up = async (...args: string[]) => {
    const { stdout } = await invctl(['--engine', 'embedded', '--json', 'up', ...args], {
      cwd: stack.directory,
      env,
    });
    return JSON.parse(stdout);
  };
  const outdated = [{ service: 'api', file: edited.source }];
  const left = await up('--no-build');
  expect(left.data.outdated).toEqual(outdated);
  expect(left.warnings).toContainEqual(expect.stringContaining('(api/src/server.cjs)'));
  expect(await edited.says()).toBe('three');
  expect((await up()).data.outdated).toEqual(outdated);
  expect(await edited.says()).toBe('four');
});
