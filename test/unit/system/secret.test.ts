import { format, inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { isSecretName, redact, Secret } from '../../../src/system/secret.js';

const VALUE = 'seeded-marker-51aa';

describe('a secret', () => {
  const secret = new Secret(VALUE);

  it.each<[how: string, shown: string]>([
    ['as a string', String(secret)],
    ['in a template', `${secret}`],
    ['joined to text', ['', secret].join('x')],
    ['as JSON', JSON.stringify({ secret, list: [secret] })],
    ['inspected', inspect({ secret }, { depth: null, showHidden: true })],
    ['logged', format('%s %o %O %j', secret, secret, secret, secret)],
    ['copied', JSON.stringify({ ...secret }) + inspect(structuredClone(secret))],
    ['by its names', Object.getOwnPropertyNames(secret).join() + JSON.stringify(Object.entries(secret))],
    ['in an error', inspect(new Error(`no entry: ${secret}`, { cause: secret }))],
  ])('does not show itself %s', (_how, shown) => {
    expect(shown).not.toContain(VALUE);
  });

  it('shows a mask', () => {
    expect(`${secret}`).toBe('[redacted]');
    expect(JSON.parse(JSON.stringify({ secret }))).toEqual({ secret: '[redacted]' });
  });

  it('is given out where that is asked for', () => {
    expect(secret.reveal()).toBe(VALUE);
  });
});

describe('the name of a variable', () => {
  it.each([
    'POSTGRES_PASSWORD',
    'PGPASSWORD',
    'JWT_SECRET_KEY',
    'API_TOKEN',
    'db_passwd',
    'AWS_ACCESS_KEY_ID',
    'SENTRY_DSN',
    'PRIVATE_KEY',
    'POSTGRESQL_PWD',
    'MYSQL_PWD',
    'dbpwd',
    'pwd',
    'PWD_HASH',
  ])('%s is that of a secret', (name) => {
    expect(isSecretName(name)).toBe(true);
  });

  it.each([
    'POSTGRES_PASSWORD_FILE',
    'SECRETS_DIR',
    'DATABASE_HOST',
    'MONKEY',
    'KEYBOARD',
    'TLS_KEY_PATH',
    'PWD',
    'OLDPWD',
    'HOST_PWD',
    'PWDEBUG',
  ])('%s is that of none', (name) => {
    expect(isSecretName(name)).toBe(false);
  });
});

describe('free text', () => {
  it.each([
    ['postgres://app:hunter2@db/shop', 'postgres://app:[redacted]@db/shop'],
    ['https://hunter2@github.com/shop.git', 'https://[redacted]@github.com/shop.git'],
    ['postgres://app@db/shop http://db/a@b', 'postgres://app@db/shop http://db/a@b'],
    ["-H 'Authorization: Bearer hunter2'", "-H 'Authorization: Bearer [redacted]'"],
    ['authorization=basic aHVudGVyMg== x', 'authorization=basic [redacted] x'],
    ['PGPASSWORD=hunter2 psql', 'PGPASSWORD=[redacted] psql'],
    ['api_key: "a b" x', 'api_key: [redacted] x'],
    ['--password=hunter2', '--password=[redacted]'],
    ['host=db port=5432', 'host=db port=5432'],
    ['environment: {PGPASSWORD: hunter2}', 'environment: {PGPASSWORD: [redacted]'],
    ['/shop?sslmode=off&password=hunter2', '/shop?sslmode=off&password=[redacted]'],
    ['{"PGPASSWORD": "hunter2"}', '{"PGPASSWORD": [redacted]}'],
    ['password=token=hunter2 x', 'password=[redacted] x'],
    ['POSTGRES_PASSWORD_FILE=/run/secrets/p', 'POSTGRES_PASSWORD_FILE=/run/secrets/p'],
  ])('%j is shown as %j', (text, shown) => {
    expect(redact(text)).toBe(shown);
  });
});
