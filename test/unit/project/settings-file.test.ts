import { describe, expect, it } from 'vitest';
import type { UserError } from '../../../src/errors.js';
import { readSettings } from '../../../src/project/settings-file.js';
import { withProject } from '../../support/project/project-on-disk.js';

describe('secrets in invctl.yaml', () => {
  const secrets = (text: string) =>
    withProject({ 'invctl.yaml': text }, async (directory) => (await readSettings({ directory })).secrets);

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

describe('invctl.yaml is refused with the line and the key', () => {
  it.each([
    ['backup:\n  folder: x\n  copyto: /mnt', 3, 'backup.copyto: unknown key, did you mean copyTo?'],
    ['backups:\n  copyTo: /mnt', 1, 'backups: unknown key, did you mean backup?'],
    ['backup: {}\ncopyTo: /mnt', 2, 'copyTo: unknown key, and not one of engine, services, backup'],
    [
      'backup:\n  copyTo:\n    bucket: b\n    Prefix: x',
      4,
      'copyTo.Prefix: unknown key, did you mean prefix?',
    ],
    ['backup:\n  copyTo: {prefix: b}', 2, 'backup.copyTo.bucket: is missing'],
    ['backup:\n  copyTo: s3://b/daily', 2, 'a bucket is written {bucket: shop-backups, prefix: daily}'],
    ['backup:\n  copyTo: {bucket: b, endpoint: "minio:9000"}', 2, 'not a URL such as https://minio'],
    ['backup:\n  encryptTo: age1q', 2, 'not a list of recipients, such as [age1'],
    ['backup:\n  encryptTo:\n    - ssh-ed25519 AAAA', 3, 'not an age recipient'],
    ['backup:\n  keep: {daily: many}', 2, 'backup.keep.daily: a number should be here'],
    ['backup:\n', 1, 'backup: keys with values should be here'],
    ['doctor:\n  ignore:\n    - {id: a}', 3, 'doctor.ignore.0.reason: is missing'],
    ['- a', 1, 'the file: keys with values should be here'],
  ])('%j', async (text, line, message) => {
    expect(await refusal(text)).toMatchObject({
      code: 'CONFIG_INVALID',
      exitCode: 4,
      line,
      message: expect.stringContaining(message),
    });
  });

  it('each of several', async () => {
    const { line, message } = await refusal('backup:\n  copyTo: 7\n  copy_to: /mnt\n');
    expect(line).toBe(2);
    expect(message).toContain('backup.copyTo: neither a folder nor');
    expect(message).toContain('backup.copy_to: unknown key, did you mean copyTo? (line 3)');
  });

  it.each([
    ['AGE-SECRET-KEY-1HUNTER2', 'backup: {encryptTo: [AGE-SECRET-KEY-1HUNTER2]}', 'this is a private key'],
    ['hunter2', 'backup:\n  copyTo: {bucket: b, secretAccessKey: hunter2}', 'secretAccessKey: unknown key'],
    ['hunter2', 'backup:\n  copyTo: https://user:hunter2@minio/b', 'a URL is not a folder'],
    ['hunter2', 'backup:\n\tkey: hunter2', 'Tabs are not allowed'],
    ['hunter2', 'backup: {}\nbackup: {key: hunter2}', 'Map keys must be unique'],
  ])('and without %s', async (secret, text, message) => {
    const error = await refusal(text);
    expect(error.message).toContain(message);
    expect(JSON.stringify([error.message, error.hint, error.details])).not.toContain(secret);
  });

  function refusal(text: string): Promise<UserError> {
    return withProject({ 'invctl.yaml': text }, (directory) =>
      readSettings({ directory }).then(
        () => expect.fail('it was accepted'),
        (reason) => reason,
      ),
    );
  }
});
