import { describe, expect, it } from 'vitest';
import { imageSettings, variablesSetTwice } from '../../../src/postgres/image-variables.js';
import type { ComposeService } from '../../../src/project/model.js';

const service = (fields: Partial<ComposeService>): ComposeService => ({
  name: 'db',
  image: 'postgres:16',
  environment: {},
  ports: [],
  mounts: [],
  secrets: [],
  dependsOn: {},
  networks: [],
  profiles: [],
  ...fields,
});
const FILES: Record<string, string> = {
  '/run/secrets/user': 'ann\n\n',
  '/run/secrets/pw': ' a b\r\n',
  '/empty': '\n',
};
const read = (fields: Partial<ComposeService>) => imageSettings(service(fields), (path) => FILES[path]);
const of = (environment: ComposeService['environment'], image = 'postgres:16') =>
  read({ environment, image });

describe('what the image makes of its variables', () => {
  it.each<[string, ReturnType<typeof of>, object]>([
    [
      'nothing',
      of({}),
      { user: 'postgres', superuser: 'postgres', database: 'postgres', trust: false, port: 5432 },
    ],
    ['a user', of({ POSTGRES_USER: 'ann' }), { user: 'ann', superuser: 'ann', database: 'ann' }],
    ['a user in a file', of({ POSTGRES_USER_FILE: '/run/secrets/user' }), { user: 'ann', database: 'ann' }],
    ['a database beside it', of({ POSTGRES_USER: 'ann', POSTGRES_DB: 'shop' }), { database: 'shop' }],
    ['a password in a file', of({ POSTGRES_PASSWORD_FILE: '/run/secrets/pw' }), { password: ' a b' }],
    [
      'an empty value beside a file',
      of({ POSTGRES_USER: '', POSTGRES_USER_FILE: '/run/secrets/user' }),
      { user: 'ann' },
    ],
    ['an empty file', of({ POSTGRES_USER_FILE: '/empty' }), { user: 'postgres', unreadable: [] }],
    ['a file of nobody', of({ POSTGRES_USER_FILE: '/gone' }), { unreadable: ['POSTGRES_USER_FILE'] }],
    ['an unset name', of({ POSTGRES_USER: null }), { user: 'postgres' }],
    ['trust', of({ POSTGRES_HOST_AUTH_METHOD: 'trust' }), { trust: true }],
    ['PGDATA', of({ PGDATA: '/data/pg/' }), { dataDirectory: '/data/pg' }],
    ['initdb', of({ POSTGRES_INITDB_ARGS: ' -k  --locale=C ' }), { initdbArguments: ['-k', '--locale=C'] }],
    [
      'Bitnami',
      of(
        { POSTGRESQL_USERNAME: 'ann', POSTGRESQL_PASSWORD: 'x', POSTGRESQL_PORT_NUMBER: '5433' },
        'bitnami/postgresql:16',
      ),
      { user: 'ann', superuser: 'postgres', database: 'postgres', password: 'x', port: 5433 },
    ],
    ['PGPORT', of({ PGPORT: '5433' }), { port: 5433 }],
    ['-p', read({ command: ['postgres', '-p', '5433'] }), { port: 5433 }],
    ['-c port', read({ command: ['-c', 'port=5434'] }), { port: 5434 }],
  ])('%s', (_, settings, expected) => expect(settings).toMatchObject(expected));

  it('knows no port where a settings file may name another', () => {
    const mounts = [
      { type: 'bind' as const, source: '/x', target: '/etc/postgresql/postgresql.conf', readOnly: true },
    ];
    expect(read({ mounts }).port).toBeUndefined();
    expect(read({ command: ['postgres', '-c', 'config_file=/x'] }).port).toBeUndefined();
  });

  it('names what is set twice', () => {
    const environment = {
      POSTGRES_PASSWORD: 'x',
      POSTGRES_PASSWORD_FILE: '/p',
      POSTGRES_USER: '',
      POSTGRES_USER_FILE: '/u',
    };
    expect(variablesSetTwice(service({ environment }))).toEqual(['POSTGRES_PASSWORD']);
  });
});
