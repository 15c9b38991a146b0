import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../support/folder.js';
import { CTRL_C, ENTER, invctlOnTerminal } from '../../support/terminal.js';

const DOWN = '\x1b[B';

async function options(folder: string): Promise<unknown> {
  return JSON.parse(await readFile(join(folder, '.invctl/lock.json'), 'utf8')).options;
}

describe('init on a terminal', () => {
  it('asks for name, port and PostgreSQL, with defaults', async () => {
    const root = await temporaryFolder();
    const terminal = invctlOnTerminal(['init', 'shop'], { cwd: root });
    await terminal.waitFor('Project name');
    terminal.type(ENTER);
    await terminal.waitFor('Port');
    terminal.type(ENTER);
    await terminal.waitFor('PostgreSQL');
    terminal.type(ENTER);
    expect(await terminal.ended).toBe(0);
    // 5003, or the next that is free.
    const proposed = /Port of the API \(?(\d+)/.exec(terminal.screen())?.[1];
    expect(Number(proposed)).toBeGreaterThanOrEqual(5003);
    expect(await options(join(root, 'shop'))).toMatchObject({
      name: 'shop',
      port: Number(proposed),
      postgres: 16,
    });
    expect(terminal.screen()).toContain('cd shop && invctl up');
  });

  it('says what is wrong with an answer and asks again', async () => {
    const root = await temporaryFolder();
    const terminal = invctlOnTerminal(['init', 'shop'], { cwd: root });
    await terminal.waitFor('Project name');
    terminal.type(`My Shop${ENTER}`);
    await terminal.waitFor('--name myshop');
    terminal.type(`\x15store${ENTER}`);
    await terminal.waitFor('Port');
    terminal.type(`80x${ENTER}`);
    await terminal.waitFor('is not accepted');
    terminal.type(`\x155090${ENTER}`);
    await terminal.waitFor('PostgreSQL');
    terminal.type(DOWN + ENTER);
    expect(await terminal.ended).toBe(0);
    expect(await options(join(root, 'shop'))).toMatchObject({ name: 'store', port: 5090, postgres: 17 });
  });

  it('asks only for what no flag gives, and nothing the second time', async () => {
    const root = await temporaryFolder();
    const first = invctlOnTerminal(['init', 'shop', '--name', 'store', '--postgres', '15'], { cwd: root });
    await first.waitFor('Port');
    first.type(ENTER);
    expect(await first.ended).toBe(0);
    expect(first.screen()).not.toContain('Project name');
    const second = invctlOnTerminal(['init', 'shop'], { cwd: root });
    expect(await second.ended).toBe(0);
    expect(second.screen()).not.toContain('Port');
    expect(second.screen()).toContain('Nothing was changed.');
  });

  it.each(['Project name', 'Port', 'PostgreSQL'])(
    'leaves nothing behind on Ctrl-C at %s',
    async (question) => {
      const root = await temporaryFolder();
      const terminal = invctlOnTerminal(['init', 'shop'], { cwd: root });
      for (const asked of ['Project name', 'Port', 'PostgreSQL']) {
        await terminal.waitFor(asked);
        if (asked === question) break;
        terminal.type(ENTER);
      }
      terminal.type(CTRL_C);
      expect(await terminal.ended).toBe(130);
      expect(await readdir(root)).toEqual([]);
    },
  );

  it.each([
    ['--yes', ['--yes'], {}],
    ['--no-input', ['--no-input'], {}],
    ['CI', [], { CI: 'true' }],
  ] as const)('does not ask with %s', async (_, flags, env) => {
    const root = await temporaryFolder();
    const terminal = invctlOnTerminal(['init', 'shop', ...flags], { cwd: root, env });
    expect(await terminal.ended).toBe(0);
    expect(terminal.screen()).not.toContain('Project name');
    expect(existsSync(join(root, 'shop/compose.yaml'))).toBe(true);
  });
});
