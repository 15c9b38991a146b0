import { describe, expect, it } from 'vitest';
import { readSettings } from '../../../src/project/settings-file.js';
import { withProject } from '../../support/project/project-on-disk.js';

describe('secrets in invctl.yaml', () => {
  const secrets = (text: string) =>
    withProject({ 'invctl.yaml': text }, async (directory) => (await readSettings(directory)).secrets);

  it('name a command each', async () => {
    expect(await secrets('secrets: {a: {command: [op, read, ""]}}')).toEqual({
      a: { command: ['op', 'read', ''] },
    });
    expect(await secrets('')).toEqual({});
  });

  it.each([
    ['a line for a shell', 'secrets: {a: {command: op read x}}'],
    ['no program', 'secrets: {a: {command: []}}'],
    ['a program without a name', 'secrets: {a: {command: [""]}}'],
    ['an argument that is a number', 'secrets: {a: {command: [op, 1]}}'],
    ['another key', 'secrets: {a: {command: [op], shell: true}}'],
    ['the value itself', 'secrets: {a: hunter2}'],
  ])('are refused with %s, and not shown', async (_case, text) => {
    const error = await secrets(text).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', exitCode: 4 });
    expect(String(error)).toContain('secrets.a');
    expect(String(error)).not.toContain('hunter2');
  });
});
