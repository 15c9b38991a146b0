import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadSettings, SettingsError } from '../../src/settings/load.js';

const KEY = 'k'.repeat(32);
let folder: string;
let envFilePath: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'settings-'));
  envFilePath = join(folder, '.env');
});
afterEach(() => rmSync(folder, { recursive: true }));

function load(env: Record<string, string>, overrides: Record<string, string> = {}) {
  return loadSettings({
    env: { SECRETS_DIR: folder, JWT_SECRET_KEY: KEY, POSTGRESQL_PWD: 'pw', ...env },
    overrides,
    envFilePath,
  });
}

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    load(env);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

describe('sources', () => {
  test('win in their order: arguments, environment, .env, secrets, default', () => {
    const host = (env: Record<string, string>, overrides = {}) => load(env, overrides).settings.databaseHost;
    expect(host({})).toBe('localhost');
    writeFileSync(join(folder, 'DATABASE_HOST'), 'secret\n');
    expect(host({})).toBe('secret');
    writeFileSync(envFilePath, 'DATABASE_HOST=file\n');
    expect(host({})).toBe('file');
    expect(host({ DATABASE_HOST: 'variable' })).toBe('variable');
    expect(host({ DATABASE_HOST: 'variable' }, { DATABASE_HOST: 'argument' })).toBe('argument');
  });

  test('a source wins over a lower one even by a later alias', () => {
    writeFileSync(envFilePath, 'DATABASE_HOST=file\n');
    expect(load({ DB_HOST: 'variable' }).settings.databaseHost).toBe('variable');
  });

  test('aliases are tried in their order within a source', () => {
    expect(load({ DB_HOST: 'second', DATABASE_HOST: 'first' }).settings.databaseHost).toBe('first');
  });

  test('names ignore case', () => {
    expect(load({ database_host: 'lower' }).settings.databaseHost).toBe('lower');
    writeFileSync(join(folder, 'admin_password'), 'correct horse battery\n');
    expect(load({}).settings.adminPassword).toBe('correct horse battery');
  });

  test('tell where a value came from, and never the value of a secret', () => {
    writeFileSync(join(folder, 'db_password'), 'hush');
    const { sources } = loadSettings({ env: { SECRETS_DIR: folder, JWT_SECRET_KEY: KEY }, envFilePath });
    expect(sources.databasePassword).toBe(join(folder, 'db_password'));
    expect(sources.jwtKey).toBe('JWT_SECRET_KEY in the environment');
    expect(sources.databasePort).toBe('default');
    expect(JSON.stringify(sources)).not.toContain('hush');
  });
});

describe('a secret file', () => {
  test.each([
    ['pw\n', 'pw'],
    ['pw\r\n', 'pw'],
    ['pw\n\n', 'pw\n'],
    [' pw ', ' pw '],
  ])('loses its final newline and nothing else: %j', (content, expected) => {
    writeFileSync(join(folder, 'db_password'), content);
    const { settings } = loadSettings({ env: { SECRETS_DIR: folder, JWT_SECRET_KEY: KEY }, envFilePath });
    expect(settings.databasePassword).toBe(expected);
  });

  test('that is a folder is named as what it is', () => {
    mkdirSync(join(folder, 'admin_password'));
    expect(problemsOf({})).toEqual([expect.stringMatching(/admin_password is a folder/)]);
  });

  test('is found through <ALIAS>_FILE', () => {
    const path = join(folder, 'elsewhere.txt');
    writeFileSync(path, 'from the file\n');
    const { settings } = loadSettings({
      env: { SECRETS_DIR: folder, JWT_SECRET_KEY: KEY, POSTGRESQL_PWD_FILE: path },
      envFilePath,
    });
    expect(settings.databasePassword).toBe('from the file');
  });

  test('and the variable itself are one too many', () => {
    expect(problemsOf({ POSTGRESQL_PWD_FILE: '/x' })).toEqual([
      'POSTGRESQL_PWD and POSTGRESQL_PWD_FILE are both set in the environment: keep one',
    ]);
  });

  test('that is missing is a problem', () => {
    expect(problemsOf({ ADMIN_PASSWORD_FILE: '/nonexistent/file' })).toEqual([
      '/nonexistent/file cannot be read (ENOENT)',
    ]);
  });
});

describe('problems', () => {
  test('are all reported at once, by alias and source, without values', () => {
    const problems = problemsOf({
      DATABASE_PORT: 'hunter2',
      JWT_SECRET_KEY: 'too short',
      LOG_LEVEL: 'loud',
      DATABASE_NAME: '',
    });
    expect(problems).toEqual([
      'DATABASE_NAME (from DATABASE_NAME in the environment) must not be empty',
      'DATABASE_PORT (from DATABASE_PORT in the environment) must be a whole number',
      'JWT_SECRET_KEY (from JWT_SECRET_KEY in the environment) must have at least 32 bytes',
      'LOG_LEVEL (from LOG_LEVEL in the environment) must be fatal, error, warn, info, debug, trace or silent',
    ]);
    expect(problems.join()).not.toMatch(/hunter2|too short|loud/);
  });

  test('name what is required and set nowhere', () => {
    expect(() => loadSettings({ env: { SECRETS_DIR: folder }, envFilePath })).toThrow(
      /POSTGRESQL_PWD or db_password is required[\s\S]*JWT_SECRET_KEY is required/,
    );
  });

  test('include a line of .env that cannot be read', () => {
    writeFileSync(envFilePath, 'OK=1\nnot an assignment\n');
    expect(problemsOf({})).toEqual([`${envFilePath}: line 2 is not NAME=value`]);
  });

  test.each(['0', '65536', '1e3', '-1', ' 5432', '5432.0'])('a port may not be %j', (port) => {
    expect(problemsOf({ DATABASE_PORT: port })).toHaveLength(1);
  });

  test('the placeholder of .env.example is refused', () => {
    const example = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8');
    const [, placeholder] = /^JWT_SECRET_KEY=(.+)$/m.exec(example) ?? [];
    expect(problemsOf({ JWT_SECRET_KEY: placeholder ?? '' })).toEqual([
      expect.stringContaining('placeholder'),
    ]);
  });

  test('there are none in .env.example but the placeholder', () => {
    const example = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8');
    writeFileSync(envFilePath, example.replaceAll(/^# (?=[A-Z_]+=.)/gm, ''));
    expect(problemsOf({})).toEqual([]);
    const { sources } = load({});
    const fromFile = Object.values(sources).filter((source) => source.endsWith(envFilePath));
    expect(fromFile.length).toBeGreaterThan(8);
  });
});
