import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askProvider } from '../../../src/project/secret-provider.js';
import { readSettings, type SecretProvider } from '../../../src/project/settings-file.js';
import { createProcessRunner } from '../../../src/system/process.js';
import { repository } from '../../support/cli.js';

const VALUE = 'a-value-of-the-vault-55';

/** The guide's examples: the name before each, and its `invctl.yaml`. */
function examples(): [program: string, text: string][] {
  const page = readFileSync(join(repository, 'docs/guide/secrets.md'), 'utf8');
  const section = page.slice(page.indexOf('\n## secret.provider\n'));
  const blocks = section.slice(0, section.indexOf('\n## ', 1)).matchAll(/```yaml\n([^`]+)```/g);
  return [...blocks].map(([, text = '']) => [/command: \[(\w+)/.exec(text)?.[1] ?? '', text]);
}

describe("the guide's examples of providers", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await realpath(await mkdtemp(join(tmpdir(), 'provider-')));
    await mkdir(join(directory, 'bin'));
  });
  afterAll(() => rm(directory, { recursive: true }));

  const providerOf = async (text: string): Promise<SecretProvider> => {
    writeFileSync(join(directory, 'invctl.yaml'), text);
    const { secrets } = await readSettings({ directory });
    expect(Object.keys(secrets)).toEqual(['db_password']);
    return secrets.db_password as SecretProvider;
  };
  const ask = (provider: SecretProvider, path = process.env.PATH) =>
    askProvider('db_password', provider, {
      processes: createProcessRunner({ env: { ...process.env, PATH: path } }),
      directory,
      signal: new AbortController().signal,
    });

  it('are those of six programs', () => {
    expect(examples().map(([program]) => program)).toEqual(['vault', 'aws', 'op', 'doppler', 'sops', 'age']);
  });

  it.each(examples())('%s gets its arguments as they are written', async (program, text) => {
    const stub = join(directory, 'bin', program);
    writeFileSync(stub, `#!/bin/sh\nfor word; do echo "$word"; done > '${directory}/words'\necho ${VALUE}\n`);
    chmodSync(stub, 0o755);
    const provider = await providerOf(text);
    const value = await ask(provider, [join(directory, 'bin'), process.env.PATH].join(delimiter));
    expect(value.reveal()).toBe(VALUE);
    const words = readFileSync(join(directory, 'words'), 'utf8').trimEnd().split('\n');
    expect([program, ...words]).toEqual(provider.command);
  });

  const withoutAge = !isInstalled('age') || !isInstalled('age-keygen');
  it.skipIf(withoutAge)(
    `age decrypts a real file${withoutAge ? ' (skipped: the package age is not installed)' : ''}`,
    async () => {
      const [, text = ''] = examples().find(([program]) => program === 'age') ?? [];
      const identity = join(directory, 'key.txt');
      execFileSync('age-keygen', ['--output', identity], { stdio: 'ignore' });
      const recipient = execFileSync('age-keygen', ['-y', identity], { encoding: 'utf8' }).trim();
      const encrypt = (content: string) =>
        execFileSync('age', ['--recipient', recipient, '--output', join(directory, 'db_password.age')], {
          input: content,
        });
      const provider = await providerOf(text.replace(/\S+age-key.txt/, `${identity}`));
      encrypt(`${VALUE}\n`);
      expect((await ask(provider)).reveal()).toBe(VALUE);
      encrypt('');
      await expect(ask(provider)).rejects.toMatchObject({ code: 'PROVIDER_EMPTY' });
      writeFileSync(join(directory, 'db_password.age'), 'age-encryption.org/v1\nno more');
      await expect(ask(provider)).rejects.toMatchObject({ code: 'PROVIDER_FAILED' });
    },
  );
});

function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
