import { describe, expect, it } from 'vitest';
import { initFailure } from '../../../src/doctor/first-start.js';
import { misreadTest } from '../../../src/doctor/health-command.js';

const RUN = '/usr/local/bin/docker-entrypoint.sh: running /docker-entrypoint-initdb.d/2-tables.sql';
const DONE = 'PostgreSQL init process complete; ready for start up.';
const AGAIN = 'PostgreSQL Database directory appears to contain a database; Skipping initialization';

describe('why a first start failed', () => {
  it.each<[string, string[], object]>([
    [
      'psql says the file and the line',
      [
        RUN,
        'psql:/docker-entrypoint-initdb.d/2-tables.sql:7: ERROR:  syntax error at or near "tabel"',
        AGAIN,
      ],
      {
        target: '/docker-entrypoint-initdb.d/2-tables.sql',
        line: 7,
        message: 'syntax error at or near "tabel"',
      },
    ],
    [
      'the server alone says it',
      [RUN, '2026-01-01 UTC [50] ERROR:  relation "a" does not exist', '[50] STATEMENT:  drop table a;'],
      { target: '/docker-entrypoint-initdb.d/2-tables.sql', statement: 'drop table a;' },
    ],
    [
      'the server before psql',
      ['[50] ERROR:  no', 'psql:/docker-entrypoint-initdb.d/1.sql:2: ERROR:  no', AGAIN],
      { target: '/docker-entrypoint-initdb.d/1.sql', line: 2 },
    ],
    [
      'a shell script',
      ['/docker-entrypoint-initdb.d/3.sh: line 4: pg_dmp: command not found'],
      { target: '/docker-entrypoint-initdb.d/3.sh', line: 4, message: 'pg_dmp: command not found' },
    ],
    [
      'a file that is closed',
      ['psql: error: /docker-entrypoint-initdb.d/1.sql: Permission denied'],
      { target: '/docker-entrypoint-initdb.d/1.sql', message: 'Permission denied' },
    ],
  ])('%s', (_, lines, expected) => expect(initFailure(lines)).toMatchObject(expected));

  it.each([
    ['an error that the script went on after', [RUN, '[50] ERROR:  role "a" exists already', DONE]],
    ['an error of the app, later', [DONE, '[99] ERROR:  relation "a" does not exist']],
    ['an error of the app on data that was there', [AGAIN, '[99] ERROR:  relation "a" does not exist']],
    ['an error before any script', ['[50] ERROR:  something of initdb']],
    ['nothing', []],
  ])('%s is none', (_, lines) => expect(initFailure(lines)).toBeUndefined());
});

describe('a health check that runs something else than it says', () => {
  it.each([
    [['CMD', 'pg_isready -h db'], 'pg_isready -h db'],
    [['CMD-SHELL', 'pg_isready', '-U', 'ann'], 'pg_isready -U ann'],
    [['CMD-SHELL', 'test', 'a b'], "test 'a b'"],
    [
      ['CMD-SHELL', 'pg_isready', '-U', '$POSTGRES_USER', '||', 'exit 1'],
      "pg_isready -U $POSTGRES_USER || 'exit 1'",
    ],
  ])('%j', (test, command) => expect(misreadTest(test)).toMatchObject({ command }));

  it.each([
    [undefined],
    [['CMD', 'pg_isready']],
    [['CMD', 'sh', '-c', 'a b']],
    [['CMD-SHELL', 'pg_isready -h db || exit 1']],
    [['CMD-SHELL', 'curl -f "$0"', 'http://localhost']],
    [['NONE']],
  ])('%j does what it says', (test) => expect(misreadTest(test)).toBeUndefined());
});
