import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readDatabaseSettings } from '../../../../src/engine/embedded/database-settings.js';
import type { ComposeMount, ComposeService } from '../../../../src/project/model.js';
import { Secret } from '../../../../src/system/secret.js';
import { temporaryFolder } from '../../../support/folder.js';

const service = (
  environment: ComposeService['environment'],
  mounts: ComposeMount[] = [],
): ComposeService => ({
  name: 'db',
  environment,
  ports: [],
  mounts,
  secrets: [],
  dependsOn: {},
  networks: [],
  profiles: [],
});
const granted = (value: string) => [{ target: '/run/secrets/db_password', value: new Secret(value) }];
const FILE = { POSTGRES_PASSWORD_FILE: '/run/secrets/db_password' };

describe("the image's settings", () => {
  test('have its defaults: user postgres, a database of the same name, no password', () => {
    expect(readDatabaseSettings(service({}), [])).toEqual({
      superuser: 'postgres',
      database: 'postgres',
      password: undefined,
      initdbArguments: [],
    });
    expect(readDatabaseSettings(service({ POSTGRES_USER: 'shop' }), []).database).toBe('shop');
  });

  test.each([
    ['a password\n', 'a password'],
    ['a password\n\n', 'a password'],
    ['a password\r\n', 'a password'],
    ['a\rpassword', 'a\rpassword'],
    [' a password ', ' a password '],
  ])(
    'a password file of %j gives %j: line ends at its end are cut off and nothing else',
    (content, password) => {
      expect(readDatabaseSettings(service(FILE), granted(content)).password?.reveal()).toBe(password);
    },
  );

  test('an empty password counts as none', () => {
    expect(readDatabaseSettings(service(FILE), granted('\n')).password).toBeUndefined();
    expect(readDatabaseSettings(service({ POSTGRES_PASSWORD: '' }), []).password).toBeUndefined();
  });

  test('a value and a file for it exclude each other', () => {
    const both = service({ ...FILE, POSTGRES_PASSWORD: 'x' });
    expect(() => readDatabaseSettings(both, granted('y'))).toThrow(
      expect.objectContaining({
        code: 'DATABASE_SETTING_TWICE',
        message: expect.stringContaining('are exclusive'),
      }),
    );
  });

  test('a file may lie in a bind mount; one that nothing provides is refused', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'conf'));
    await writeFile(join(folder, 'conf', 'user'), 'shop\n');
    const mounts: ComposeMount[] = [
      { type: 'bind', source: join(folder, 'conf'), target: '/conf', readOnly: true },
    ];
    expect(readDatabaseSettings(service({ POSTGRES_USER_FILE: '/conf/user' }, mounts), []).superuser).toBe(
      'shop',
    );
    expect(() => readDatabaseSettings(service(FILE), [])).toThrow(
      expect.objectContaining({ code: 'DATABASE_SETTING_FILE', exitCode: 4 }),
    );
  });

  test('more arguments for initdb are split at blanks', () => {
    const { initdbArguments } = readDatabaseSettings(
      service({ POSTGRES_INITDB_ARGS: ' --data-checksums  --wal-segsize=32 ' }),
      [],
    );
    expect(initdbArguments).toEqual(['--data-checksums', '--wal-segsize=32']);
  });
});
