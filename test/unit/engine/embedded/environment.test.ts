import { describe, expect, test } from 'vitest';
import {
  onlyEnvironment,
  processEnvironment,
  type Surroundings,
} from '../../../../src/engine/embedded/environment.js';
import type { ComposeService } from '../../../../src/project/model.js';

const service = (environment: ComposeService['environment']): ComposeService => ({
  name: 'api',
  environment,
  ports: [],
  mounts: [],
  secrets: [],
  dependsOn: {},
  networks: [],
  profiles: [],
});
const world: Surroundings = {
  env: { PATH: '/bin', HOME: '/home/me', SHELL_ONLY: 'x', TZ: 'Europe/Rome' },
  secretsFolder: '/state/secrets/api',
  secretPaths: new Map([
    ['/run/secrets/db_password', '/state/secrets/api/db_password'],
    ['/etc/tls/key', '/state/secrets/api/key'],
  ]),
  databasePorts: new Map([['db', 41234]]),
  port: 5003,
};
const result = (environment: ComposeService['environment'], change: Partial<Surroundings> = {}) =>
  processEnvironment(service(environment), { ...world, ...change });

describe('the environment of a process', () => {
  test('is that of the compose file, with what a program needs of the machine', () => {
    expect(result({ GREETING: 'hello', EMPTY: '', HOME: '/app' })).toEqual({
      PATH: expect.stringMatching(/:\/bin$/),
      HOME: '/app',
      TZ: 'UTC',
      GREETING: 'hello',
      EMPTY: '',
      SECRETS_DIR: '/state/secrets/api',
      PORT: '5003',
      HOST: '127.0.0.1',
    });
  });

  test('lacks a name that the compose file unsets', () => {
    expect(result({ HOME: null, GREETING: null })).not.toHaveProperty('HOME');
  });

  test.each([
    ['DATABASE_HOST', 'DATABASE_PORT'],
    ['PGHOST', 'PGPORT'],
    ['DB_HOSTNAME', 'DB_PORT'],
    ['db_host', 'db_port'],
  ])('%s that names the database gives %s its port, whatever it was', (host, port) => {
    expect(result({ [port]: '5432', [host]: 'db' })).toMatchObject({ [host]: '127.0.0.1', [port]: '41234' });
  });

  test('another host stays, and so does a value that merely is the name', () => {
    expect(result({ SMTP_HOST: 'mail', SMTP_PORT: '25', SCHEMA: 'db' })).toMatchObject({
      SMTP_HOST: 'mail',
      SMTP_PORT: '25',
      SCHEMA: 'db',
    });
  });

  test.each([
    ['postgres://u:p@db:5432/app?sslmode=disable', 'postgres://u:p@127.0.0.1:41234/app?sslmode=disable'],
    ['postgresql://db/app', 'postgresql://127.0.0.1:41234/app'],
    ['postgres://u@db', 'postgres://u@127.0.0.1:41234'],
    ['postgres://u:p@db.example.org:5432/app', 'postgres://u:p@db.example.org:5432/app'],
    ['redis://db:6379/0', 'redis://db:6379/0'],
  ])('the URL %s becomes %s', (from, to) => {
    expect(result({ DATABASE_URL: from }).DATABASE_URL).toBe(to);
  });

  test('paths of secrets lead to the private folder', () => {
    expect(
      result({
        DB_PASSWORD_FILE: '/run/secrets/db_password',
        KEY_FILE: '/etc/tls/key',
        FOLDER: '/run/secrets',
        OTHER: '/run/secretsauce',
      }),
    ).toMatchObject({
      DB_PASSWORD_FILE: '/state/secrets/api/db_password',
      KEY_FILE: '/state/secrets/api/key',
      FOLDER: '/state/secrets/api',
      OTHER: '/run/secretsauce',
    });
  });

  test('names a port only where one is published', () => {
    const { port: _, ...portless } = world;
    expect(processEnvironment(service({}), portless)).not.toHaveProperty('PORT');
  });
});

test('a program that is to get nothing of ours gets every name of ours as absent', () => {
  expect(onlyEnvironment({ A: '1', B: '2' }, { B: 'ours', C: 'ours' })).toEqual({
    A: '1',
    B: '2',
    C: undefined,
  });
});
