import { describe, expect, it } from 'vitest';
import { addressOf } from '../../../src/doctor/database-addresses.js';
import { hostVariable } from '../../../src/doctor/host-variables.js';

const KNOWN = ['db', 'shop-db'];
const read = (value: string) => addressOf(value, KNOWN);

describe('the address in a variable', () => {
  it.each([
    ['postgres://u:p@db:5432/shop', { host: 'db', port: 5432, user: 'u', password: 'p', database: 'shop' }],
    ['postgresql+asyncpg://u:p@shop-db/x?ssl=off', { host: 'shop-db', database: 'x' }],
    ['jdbc:postgresql://db:5432/shop', { host: 'db', port: 5432 }],
    ['postgres://u:p@[::1]:5432/x', { host: '::1', port: 5432 }],
    ['postgres://u:half%2Fof%40it@db/x', { password: 'half/of@it', unencoded: [] }],
    // Nobody encoded these.
    ['postgres://u:2oHGo@x9Lk#7@db:5432/x', { host: 'db', password: '2oHGo@x9Lk#7', unencoded: ['@', '#'] }],
    ['postgres://u:some/cool/pw@db:5432/x', { host: 'db', password: 'some/cool/pw', unencoded: ['/'] }],
    ['postgres://u:a?b:c@db/x', { host: 'db', unencoded: ['?', ':'] }],
    ['postgres://u:100%sure@db/x', { host: 'db', unencoded: ['%'] }],
    ['postgres://u:a@b/c@db/x', { host: 'db', password: 'a@b/c' }],
    ['postgres://u:p@ss@localhost/x', { host: 'localhost', unencoded: ['@'] }],
    // An `@db` behind the host is none.
    ['postgres://u:p@ep-1.example.com/x?options=a@db', { host: 'ep-1.example.com', password: 'p' }],
    ['host=db port=5433 user=u password=p dbname=shop', { host: 'db', port: 5433, database: 'shop' }],
    ['Host=db;Port=5432;Database=shop;Username=u;Password=p', { host: 'db', user: 'u', database: 'shop' }],
    ['postgres:///shop?host=db', { host: 'db' }],
  ])('%s', (value, expected) => expect(read(value)).toMatchObject(expected));

  it.each(['db', '5432', 'postgres:///shop?host=/var/run/postgresql', 'host=db', 'https://db:5432/', ''])(
    '%s is none',
    (value) => expect(read(value)).toBeUndefined(),
  );
});

describe('a variable that says where a database is', () => {
  it.each([
    'PGHOST',
    'DB_HOST',
    'DATABASE_HOST',
    'POSTGRES_SERVER',
    'GITEA__database__HOST',
    'DB_POSTGRESDB_HOST',
    'POSTGRES_SEEDS',
  ])('%s is read', (name) => expect(hostVariable(name, {}, false)).toBe('read'));

  it.each(['SHOP_DB_HOST', 'APP_POSTGRES_ADDR', 'PG_SERVER'])('%s only sounds so', (name) =>
    expect(hostVariable(name, {}, false)).toBe('perhaps'),
  );

  it.each([
    'PGADMIN_LISTEN_ADDRESS',
    'POSTGRES_BIND_ADDRESS',
    'PG_LISTEN_HOST',
    'DB_ALLOWED_HOST',
    'POSTGRES_EXTERNAL_HOST',
    'DB_PUBLIC_HOST',
    'PG_EXPORTER_HOST',
    'DB_ADMIN_HOST',
    'PGBOUNCER_LISTEN_ADDRESS',
    'VIRTUAL_HOST',
    'HOST',
  ])('%s is none', (name) => expect(hostVariable(name, {}, false)).toBeUndefined());

  it('is none where the variables beside it mean another make', () => {
    expect(hostVariable('DB_HOST', { DB_CONNECTION: 'mysql' }, false)).toBeUndefined();
    expect(hostVariable('DB_HOST', { DB_PORT: '3306' }, false)).toBeUndefined();
    expect(hostVariable('POSTGRES_HOST', { POSTGRES_PORT: '3306' }, false)).toBe('read');
  });

  it('only sounds so where the project has another database as well', () => {
    expect(hostVariable('DB_HOST', {}, true)).toBe('perhaps');
    expect(hostVariable('PGHOST', {}, true)).toBe('read');
    expect(hostVariable('DB_HOST', { DB_CONNECTION: 'pgsql' }, true)).toBe('read');
    expect(hostVariable('DB_HOST', { DB_PORT: '5432' }, true)).toBe('read');
  });
});
