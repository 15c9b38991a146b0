import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { diagramsOf } from '../../support/architecture/mermaid.js';
import { invctl, repository } from '../../support/cli.js';
import { NO_ENGINE } from '../../support/doctor/project.js';
import { temporaryFolder } from '../../support/folder.js';
import { schemaErrors } from '../../support/schema.js';

async function scaffold() {
  const folder = await temporaryFolder();
  const run = (...args: string[]) => invctl(args, { cwd: folder, env: NO_ENGINE });
  expect((await run('init', '.', '--yes', '--name', 'shop')).code).toBe(0);
  const document = join(folder, 'docs/ARCHITECTURE.md');
  return { folder, run, document, read: () => readFile(document, 'utf8') };
}

describe('invctl docs', () => {
  it('writes the document, knows when it is out of date, and needs neither engine nor secrets', async () => {
    const { folder, run, read } = await scaffold();
    expect(await run('docs', '--check')).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('is not there'),
    });
    expect(await run('docs')).toMatchObject({ code: 0, stdout: 'docs/ARCHITECTURE.md created\n' });
    const first = await read();
    await rm(join(folder, 'stack/.env'));
    await rm(join(folder, 'secrets'), { recursive: true });
    expect(await run('docs', '--check')).toMatchObject({ code: 0 });

    const compose = join(folder, 'compose.yaml');
    await writeFile(compose, (await readFile(compose, 'utf8')).replace(':5003:5003', ':5999:5003'));
    const { code, stdout, stderr } = await run('docs', '--check');
    expect(code).toBe(5);
    expect(stdout).toMatch(/^-.*127\.0\.0\.1:5003[\s\S]*^\+.*127\.0\.0\.1:5999/m);
    expect(stderr).toContain('next:  invctl docs');
    expect(await read()).toBe(first);
    const document = JSON.parse((await run('--json', 'docs', '--check')).stdout);
    expect(schemaErrors('docs', document)).toEqual([]);
    expect(document.data).toMatchObject({ project: 'shop', state: 'stale', diff: stdout.trimEnd() });

    expect((await run('docs')).stdout).toBe('docs/ARCHITECTURE.md updated\n');
    expect((await run('docs')).stdout).toBe('docs/ARCHITECTURE.md is up to date\n');
    expect((await run('docs', '-o', '-')).stdout).toBe(await read());
  });

  it('leaves what is not its own, and blocks that were removed', async () => {
    const { run, read, document } = await scaffold();
    await run('docs');
    const blocks = (await read()).match(/<!-- invctl:begin [\s\S]*?<!-- invctl:end -->\n/g) ?? [];
    const secrets = blocks.find((block) => block.includes('begin secrets')) as string;
    const own = `Mine first.\n\n${secrets.replace(/## Secrets[\s\S]*?\n\n/, 'an edit\n\n')}\n## My own words\n`;
    await writeFile(document, own);
    const { stderr } = await run('docs');
    expect(stderr).toContain('left out, as somebody removed them: contents, overview,');
    expect(await read()).toBe(`Mine first.\n\n${secrets}\n## My own words\n`);
  });

  it('refuses a document that it would damage, with the line and what to type', async () => {
    const { folder, run, document } = await scaffold();
    await mkdir(join(folder, 'docs'));
    await writeFile(document, 'a\n<!-- invctl:begin data -->\nb\n');
    expect(await run('docs')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/ARCHITECTURE\.md:2: the block "data" has no end\nnext: {2}put the line/),
    });
    await writeFile(document, Buffer.from('caf\xe9', 'latin1'));
    expect(await run('docs')).toMatchObject({ code: 1, stderr: expect.stringContaining('not UTF-8 text') });
    expect(await readFile(document, 'latin1')).toBe('caf\xe9');
    expect(await run('docs', '-o', 'docs')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is a folder'),
    });
    expect(await run('docs', '--check', '-o', '-')).toMatchObject({ code: 2 });
  });

  it('wrote docs/example/ARCHITECTURE.md; npm run example writes it anew', async () => {
    const { folder, run } = await scaffold();
    const file = 'docs/example/ARCHITECTURE.md';
    await mkdir(join(folder, 'docs/example'), { recursive: true });
    await copyFile(join(repository, file), join(folder, file));
    expect(await run('docs', '--check', '-o', file)).toMatchObject({ code: 0 });
  });
});

describe('invctl graph', () => {
  it('draws every view in every format', async () => {
    const { run } = await scaffold();
    for (const view of ['services', 'env', 'secrets', 'network', 'start']) {
      const text = await run('graph', '--view', view);
      expect(text).toMatchObject({ code: 0, stderr: '' });
      expect(text.stdout).toMatch(/[└┌]/);
      expect(text.stdout).not.toContain('\x1b');
      expect((await run('graph', '--view', view, '--format', 'mermaid')).stdout).toMatch(/^flowchart /);
      expect((await run('graph', '--view', view, '--format', 'dot')).stdout).toMatch(/^digraph /);
      const json = await run('--json', 'graph', '--view', view);
      const document = JSON.parse(json.stdout);
      expect(schemaErrors('graph', document)).toEqual([]);
      expect(document.data).toMatchObject({ project: 'shop', view });
      expect(document.data.nodes.length).toBeGreaterThan(1);
      expect((await run('graph', '--view', view, '--format', 'json')).stdout).toBe(json.stdout);
    }
    expect((await run('graph', '--format', 'svg')).stdout).toMatch(/^<\?xml[\s\S]*pgdata[\s\S]*<\/svg>\n$/);
    expect(await run('--json', 'graph', '--format', 'svg')).toMatchObject({ code: 2 });
    expect(await run('graph', '--view', 'servces')).toMatchObject({ code: 2 });
    expect((await run('completion', '--candidates', '--', 'graph', '--view', 's')).stdout).toBe(
      'services\nsecrets\nstart\n',
    );
  });

  it('has colour where it is wanted', async () => {
    const { folder } = await scaffold();
    const drawn = (env: Record<string, string>) =>
      invctl(['graph'], { cwd: folder, env: { ...NO_ENGINE, ...env } });
    expect((await drawn({ FORCE_COLOR: '1' })).stdout).toContain('\x1b[1mapi');
    expect((await drawn({ FORCE_COLOR: '1', NO_COLOR: '1' })).stdout).not.toContain('\x1b');
  });
});

describe('the diagrams', () => {
  const browser = (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => ['chromium', 'chromium-browser', 'google-chrome'].map((name) => join(folder, name)))
    .find((path) => existsSync(path));

  it('are drawn by a browser', async ({ skip }) => {
    if (browser === undefined) return skip('no chromium on this machine');
    const { folder, run, read } = await scaffold();
    await run('docs');
    const diagrams = diagramsOf(await read());
    const page = join(folder, 'page.html');
    const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
    await writeFile(
      page,
      `<meta charset="utf-8">${diagrams.map((text) => `<pre class="mermaid">${escaped(text)}</pre>`).join('')}
<script src="${pathToFileURL(join(repository, 'node_modules/mermaid/dist/mermaid.min.js'))}"></script>
<script>mermaid.initialize({ startOnLoad: true })</script>`,
    );
    const flags = [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--virtual-time-budget=20000',
      `--user-data-dir=${join(folder, 'profile')}`,
    ];
    const drawn = execFileSync(browser, [...flags, '--dump-dom', pathToFileURL(page).href], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 64 * 1024 * 1024,
    });
    expect(drawn.match(/<svg [^>]*aria-roledescription/g) ?? []).toHaveLength(diagrams.length);
    expect(drawn).not.toContain('aria-roledescription="error"');
    expect(drawn).toContain('shop-api');
  });
});
