import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { formatBase, parseBase } from '../../../src/template/base.js';
import { formatLock, parseLock, sha256 } from '../../../src/template/lock.js';
import { invctl } from '../../support/cli.js';
import { temporaryFolder } from '../../support/folder.js';
import { interruptedAt, killedAfterRename, killedAt } from '../../support/kill-at-step.js';
import { killsOf, someOf } from '../../support/kills.js';
import { schemaErrors } from '../../support/schema.js';

let made: string;
let shop: string;

/** One scaffold for all: as an older template would have made it, with edits. */
beforeAll(async () => {
  made = await realpath(await mkdtemp(join(tmpdir(), 'invctl-upgrade-')));
  expect(await invctl(['init', 'shop', '--port', '5999'], { cwd: made })).toMatchObject({ code: 0 });
  await asIfOlder(join(made, 'shop'), {
    'compose.yaml': (text) => text.replace(/^name: .*$/m, '$&\n# an older line'),
    'stack/Dockerfile': (text) => text.replace(/^FROM/m, '# an older line\nFROM'),
    'stack/src/main.ts': (text) => `// older\n${text}`,
  });
});
afterAll(() => rm(made, { recursive: true, force: true }));

beforeEach(async () => {
  shop = join(await temporaryFolder(), 'shop');
  execFileSync('cp', ['-a', join(made, 'shop'), shop]);
});

/** Makes a scaffold what it would be if the template had had other texts then. */
async function asIfOlder(root: string, olderTexts: Record<string, (text: string) => string>): Promise<void> {
  const [lockFile, baseFile] = [join(root, '.invctl/lock.json'), join(root, '.invctl/base.json.gz')];
  const lock = parseLock(await readFile(lockFile, 'utf8'), lockFile);
  const base = new Map(parseBase(await readFile(baseFile)));
  for (const [path, older] of Object.entries(olderTexts)) {
    const content = Buffer.from(older(await readFile(join(root, path), 'utf8')));
    await writeFile(join(root, path), content);
    base.set(path, { policy: 'owned', mode: 0o644, content });
    lock.files[path] = sha256(content);
  }
  await writeFile(lockFile, formatLock(lock));
  await writeFile(baseFile, formatBase(base));
}

const run = (args: string[], env: Record<string, string> = {}) => invctl(args, { cwd: shop, env });
const edit = async (path: string, from: string | RegExp, to: string) => {
  const text = await readFile(join(shop, path), 'utf8');
  const edited = text.replace(from, to);
  if (edited === text) throw new Error(`${path} has no ${from}`);
  await writeFile(join(shop, path), edited);
};

/** Every file of the project but those under `.invctl`, and the two records there. */
async function files(): Promise<Record<string, string>> {
  const names = execFileSync('find', ['.', '-type', 'f', '-not', '-path', './.git/*'], {
    cwd: shop,
    encoding: 'utf8',
  })
    .split('\n')
    .filter(
      (path) =>
        path !== '' &&
        (!path.startsWith('./.invctl/') || /^\.\/\.invctl\/(lock\.json|base\.json\.gz)$/.test(path)),
    );
  return Object.fromEntries(
    await Promise.all(
      names.sort().map(async (path) => [path, sha256(await readFile(join(shop, path)))] as const),
    ),
  );
}

describe('an upgrade that is cut off', () => {
  const kills = someOf(killsOf('upgrade')).map(([step, when, noted]) => ({
    name: `${when} its step "${step}"`,
    env: killedAt(step, when),
    noted,
    moved: false,
  }));

  it.each([
    ...kills,
    {
      name: 'between two files',
      env: killedAfterRename('/shop/stack/Dockerfile'),
      noted: 'write',
      moved: false,
    },
    { name: 'when all was done', env: killedAt('keep', 'after'), noted: 'keep', moved: true },
  ])('$name is finished or reverted', async ({ env, noted, moved }) => {
    const before = await files();
    expect((await run(['upgrade'], env)).code).toBe(null);
    if (noted !== undefined) expect((await run(['upgrade'])).stderr).toContain('invctl recover');
    if (moved) {
      const [folder = ''] = (await readdir(join(shop, '.invctl'))).filter((name) =>
        name.startsWith('upgrade-'),
      );
      await rename(join(shop, '.invctl', folder), join(shop, '.invctl/upgrade'));
    }
    expect(await run(['recover'])).toMatchObject({ code: 0 });
    const after = await files();
    if (noted === undefined || noted === 'stage') {
      expect(after).toEqual(before);
      expect(await run(['upgrade'])).toMatchObject({ code: 0 });
    } else {
      expect(Object.keys(after).filter((path) => after[path] !== before[path])).toHaveLength(5);
      const again = JSON.parse((await run(['upgrade', '--json'])).stdout);
      expect(again.data).toMatchObject({ applied: false, files: [] });
      expect(await run(['upgrade', '--abort'])).toMatchObject({ code: 0 });
      expect(await files()).toEqual(before);
    }
    expect(
      (await readdir(join(shop, '.invctl'))).filter((name) => !/^(base|lock|upgrade$)/.test(name)),
    ).toEqual([]);
  });

  it.each(killsOf('upgrade --abort'))(
    'as an abort at its step "%s" (%s) goes on to its end',
    async (step, when) => {
      const before = await files();
      expect(await run(['upgrade'])).toMatchObject({ code: 0 });
      await run(['upgrade', '--abort'], killedAt(step, when));
      if (when === 'before') expect(await run(['upgrade', '--abort'])).toMatchObject({ code: 0 });
      else expect(await run(['recover'])).toMatchObject({ code: 0 });
      expect(await files()).toEqual(before);
    },
  );

  it('by Ctrl-C changes nothing', async () => {
    const before = await files();
    expect((await run(['upgrade'], interruptedAt('stage'))).code).toBe(130);
    expect(await files()).toEqual(before);
    expect(await readdir(join(shop, '.invctl'))).toEqual(['base.json.gz', 'lock.json']);
  });

  it('loses nothing that was edited before `recover`, and an abort that is cut off is finished', async () => {
    const before = await files();
    await run(['upgrade'], killedAt('write', 'after'));
    await edit('stack/src/main.ts', '// older', '// edited after the crash');
    const recovered = await run(['recover']);
    expect(recovered.stderr).toContain('stack/src/main.ts');
    const [stamp] = await readdir(join(shop, '.invctl/replaced'));
    const copy = join(shop, '.invctl/replaced', stamp ?? '', 'stack/src/main.ts');
    expect(await readFile(copy, 'utf8')).toContain('// edited after the crash');
    expect((await run(['upgrade', '--abort'], killedAfterRename('/shop/stack/Dockerfile'))).code).toBe(null);
    expect(await run(['recover'])).toMatchObject({ code: 0 });
    expect(await files()).toEqual(before);
  });
});

it('a conflict is written between markers, stops `up`, is told by doctor, and can be taken back', async () => {
  await edit('compose.yaml', '# an older line', '# my line');
  await edit('stack/src/main.ts', /$/, '\n// mine\n');
  await rm(join(shop, 'stack/Dockerfile'));
  execFileSync('git', ['init', '-q'], { cwd: shop });
  execFileSync('git', ['add', '-A'], { cwd: shop });
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-qm', 'mine'], { cwd: shop });
  await edit('stack/src/main.ts', '// mine', '// mine, not committed');
  const before = await files();

  const shown = await run(['upgrade', '--diff']);
  expect(shown.code).toBe(0);
  expect(shown.stdout).toContain('-// older');
  expect(await files()).toEqual(before);

  const upgraded = await run(['upgrade', '--json']);
  expect(upgraded.code).toBe(1);
  const document = JSON.parse(upgraded.stdout);
  expect(schemaErrors('upgrade', document)).toEqual([]);
  expect(document.data.conflicts).toBe(1);
  expect(document.data.files).toMatchObject([
    { path: 'stack/Dockerfile', status: 'kept', reason: 'deleted' },
    { path: 'stack/src/main.ts', status: 'merged' },
    { path: 'compose.yaml', status: 'conflict', kind: 'lines', lines: [expect.any(Number)] },
  ]);
  expect(document.data.uncommitted).toEqual(['stack/src/main.ts']);
  const [line] = document.data.files[2].lines;
  expect((await readFile(join(shop, 'compose.yaml'), 'utf8')).split('\n')[line - 1]).toMatch(/^<{7} yours$/);
  expect(await readFile(join(shop, 'stack/src/main.ts'), 'utf8')).toContain('// mine, not committed');

  const up = await run(['--engine', 'embedded', 'up']);
  expect(up.code).toBe(4);
  expect(up.stderr).toContain(`compose.yaml:${line}: an upgrade left a conflict here`);
  expect(up.stderr).toContain('invctl upgrade --abort');
  const doctor = JSON.parse((await run(['--engine', 'embedded', 'doctor', '--json'])).stdout);
  expect(doctor.data.rootCauses).toEqual(['upgrade.conflict']);

  const aborted = await run(['upgrade', '--abort', '--json']);
  expect(aborted.code).toBe(0);
  expect(schemaErrors('upgrade', JSON.parse(aborted.stdout))).toEqual([]);
  expect(await files()).toEqual(before);
  expect((await run(['upgrade', '--abort'])).stderr).toContain('there is no upgrade to take back');
});

it('finds the text that an edited file was made from in git, where the scaffold is without a base', async () => {
  execFileSync('git', ['init', '-q'], { cwd: shop });
  execFileSync('git', ['add', '-A'], { cwd: shop });
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-qm', 'as made'], {
    cwd: shop,
  });
  await rm(join(shop, '.invctl/base.json.gz'));
  await edit('stack/src/main.ts', /$/, '\n// mine\n');
  const upgraded = await run(['upgrade']);
  expect(upgraded).toMatchObject({ code: 0 });
  expect(upgraded.stdout).toMatch(/stack\/src\/main\.ts +merged with your edits/);
});

it('`init` again leaves what the template changed to `upgrade`, and agrees with it afterwards', async () => {
  await rm(join(shop, 'stack/Dockerfile'));
  const again = await run(['init']);
  expect(again.stdout).toContain('invctl upgrade --diff');
  expect(await readFile(join(shop, 'stack/Dockerfile'), 'utf8')).toContain('# an older line');
  expect(await run(['upgrade'])).toMatchObject({ code: 0 });
  const { data } = JSON.parse((await run(['init', '--json'])).stdout);
  expect(data.templateChanged).toBe(false);
  expect(data.files.every(({ status }: { status: string }) => ['unchanged', 'kept'].includes(status))).toBe(
    true,
  );
});
