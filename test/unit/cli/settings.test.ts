import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { typedWords } from '../../../src/cli/program.js';
import { resolveSettings } from '../../../src/cli/settings.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'invctl-settings-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('global settings', () => {
  it('weigh flag, environment, invctl.yaml and default in that order', async () => {
    const engine = async (flag: 'auto' | undefined, env: NodeJS.ProcessEnv) =>
      (await resolveSettings(flag ? { engine: flag } : {}, env, folder)).engine;
    expect(await engine(undefined, {})).toBe('auto');
    await writeFile(join(folder, 'invctl.yaml'), 'engine: embedded\n');
    expect(await engine(undefined, {})).toBe('embedded');
    expect(await engine(undefined, { INVCTL_ENGINE: 'docker' })).toBe('docker');
    expect(await engine('auto', { INVCTL_ENGINE: 'docker' })).toBe('auto');
  });

  it('refuse an engine that there is not, wherever it comes from', async () => {
    await expect(resolveSettings({}, { INVCTL_ENGINE: 'podman' }, folder)).rejects.toMatchObject({
      exitCode: 2,
    });
    await writeFile(join(folder, 'invctl.yaml'), 'engine: podman\n');
    await expect(resolveSettings({}, {}, folder)).rejects.toMatchObject({ exitCode: 2 });
  });

  it('name the line of a broken invctl.yaml', async () => {
    await writeFile(join(folder, 'invctl.yaml'), 'engine: docker\nengine: embedded\n');
    await expect(resolveSettings({}, {}, folder)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      exitCode: 4,
      line: 2,
    });
  });

  it('read yes and no from the environment, and refuse anything else', async () => {
    const env = { INVCTL_JSON: '1', INVCTL_YES: 'no', INVCTL_QUIET: 'TRUE', INVCTL_NO_INPUT: '' };
    expect(await resolveSettings({}, env, folder)).toMatchObject({
      json: true,
      yes: false,
      quiet: true,
      noInput: false,
    });
    await expect(resolveSettings({}, { INVCTL_JSON: 'maybe' }, folder)).rejects.toMatchObject({
      exitCode: 2,
    });
  });

  it('resolve the folder from where the command was typed', async () => {
    expect((await resolveSettings({ directory: 'shop' }, {}, folder)).directory).toBe(join(folder, 'shop'));
    expect((await resolveSettings({}, { INVCTL_DIRECTORY: 'shop' }, folder)).directory).toBe(
      join(folder, 'shop'),
    );
  });
});

describe('the typed command', () => {
  it.each([
    [['up', '-C', 'x'], 'up'],
    [['-C', 'up', 'ps'], 'ps'],
    [['--engine', 'docker', '--json', 'logs'], 'logs'],
    [['--engine=docker', 'ps'], 'ps'],
    [['--help'], undefined],
    [[], undefined],
  ])('of %j is %s', (argv, expected) => {
    expect(typedWords(argv)[0]).toBe(expected);
  });
});
