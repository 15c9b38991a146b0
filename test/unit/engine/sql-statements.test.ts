import { describe, expect, test } from 'vitest';
import { splitSql } from '../../../src/engine/sql-statements.js';

describe('splitting SQL', () => {
  test.each<[string, string, string[], string]>([
    ['statements', 'SELECT 1; SELECT 2;', ['SELECT 1', 'SELECT 2'], ''],
    ['one without an end', 'SELECT 1; SELECT', ['SELECT 1'], 'SELECT'],
    ['quotes', "SELECT 'a;b', 'it''s;'; x", ["SELECT 'a;b', 'it''s;'"], 'x'],
    [
      'a backslash that is nothing in a plain string',
      "SELECT '\\'; SELECT 2;",
      ["SELECT '\\'", 'SELECT 2'],
      '',
    ],
    [
      'a backslash that escapes in an E string',
      "SELECT E'\\'; still'; SELECT 2;",
      ["SELECT E'\\'; still'", 'SELECT 2'],
      '',
    ],
    ['quoted names', 'SELECT ";""x;" FROM t;', ['SELECT ";""x;" FROM t'], ''],
    [
      'dollar quotes',
      'DO $$ BEGIN; END $$; SELECT $a$ ; $$ ; $a$;',
      ['DO $$ BEGIN; END $$', 'SELECT $a$ ; $$ ; $a$'],
      '',
    ],
    ['a parameter that is no dollar quote', 'SELECT $1; SELECT 2;', ['SELECT $1', 'SELECT 2'], ''],
    [
      'comments',
      'SELECT 1 -- ; no\n; /* ; /* ; */ ; */ SELECT 2;',
      ['SELECT 1 -- ; no', '/* ; /* ; */ ; */ SELECT 2'],
      '',
    ],
    [
      'a rule with several commands',
      'CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); x',
      ['CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)'],
      'x',
    ],
    [
      'a function with a body of SQL',
      'CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3;',
      [
        'CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END',
        'SELECT 3',
      ],
      '',
    ],
    ['a transaction, which is no body', 'BEGIN; SELECT 1; END;', ['BEGIN', 'SELECT 1', 'END'], ''],
    [
      'names with dollars and letters beyond ASCII',
      'SELECT a$b$c; SELECT é$x$;',
      ['SELECT a$b$c', 'SELECT é$x$'],
      '',
    ],
    ['blanks and comments alone', '  -- nothing\n', [], ''],
  ])('keeps %s together', (_, text, statements, rest) => {
    expect(splitSql(text)).toMatchObject({ statements, rest });
  });

  test.each([
    ["SELECT 'a", 'quote'],
    ['SELECT "a', 'identifier'],
    ['SELECT $x$ a', 'dollar quote'],
    ['/* a', 'comment'],
    ['SELECT (1', 'parenthesis'],
    ['SELECT 1', 'statement'],
    ['SELECT 1;', undefined],
  ])('%s is open in a %s', (text, open) => {
    expect(splitSql(text).open).toBe(open);
  });
});
