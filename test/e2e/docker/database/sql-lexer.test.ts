import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SqlLexer } from '../../../../src/postgres/sql-lexer.js';
import { withoutDocker } from '../../../support/docker.js';
import { type DatabaseProject, startDatabaseProject } from './fixture.js';

const TEXTS = 150;
const SEED = 20261129;

/** What looks like the beginning or the end of something, and is not where it stands in something else. */
const tricky = [
  'a',
  ' ',
  '\n',
  '\\',
  "''",
  '"',
  '$$',
  '$a$',
  '--',
  '/*',
  '*/',
  ';',
  '(',
  ')',
  '\\.\n',
  '\n\\.\n',
  'é',
  'E',
  ':x',
  '$',
  '\nCOPY t FROM stdin;\n',
  '\n\\restrict x\n',
];
const inside = (without: RegExp, most = 6) =>
  fc
    .array(fc.constantFrom(...tricky.filter((piece) => !without.test(piece))), { maxLength: most })
    .map((pieces) => pieces.join(''));
const wrap = (before: string, after: string, without: RegExp) =>
  inside(without).map((text) => before + text + after);

const string = fc.oneof(
  wrap("'", "'", /^'$/),
  fc
    .array(fc.constantFrom('a', "\\'", '\\\\', "''", ';', '--', '\\n', '$$', '\n'), { maxLength: 6 })
    .map((all) => `E'${all.join('')}'`),
  wrap('$x$', '$x$', /^\$$/),
  wrap('$$', '$$', /\$/),
);
/** Nothing that a server has to understand. */
const token = fc.oneof(
  string,
  wrap('"x', '"', /"/),
  wrap('--', '\n', /\n/),
  wrap('/*', '*/', /\*\/|\/\*/),
  fc.constantFrom(
    "fe'\\'",
    "1e'a'",
    "b'1'",
    "x'f'",
    "n'\\'",
    "U&'\\'",
    'U&"\\"',
    'a$$b',
    'x1$a$',
    '$1',
    '::',
    "[1:e'\\']",
    '(',
    ')',
    '(;)',
    '-',
    '/',
    '*',
    '+--;\n',
    "é'\\'",
    "/* /* ; */ ' */",
    'CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN a THEN 1 END; END',
    'create begin case end',
  ),
);
const nonsense = fc.oneof(
  fc
    .tuple(fc.array(token, { minLength: 1, maxLength: 6 }), fc.constantFrom('', ' ', '\n'))
    .map(([tokens, between]) => `SELECT ${tokens.join(between)};`),
  fc.constantFrom('on', 'off').map((value) => `SET standard_conforming_strings = ${value};`),
  fc.constant(';'),
);
const rows = fc.array(
  fc.constantFrom(
    'a',
    '\\N',
    '\\\\.',
    'x\\.',
    '',
    'SELECT 1;',
    '--',
    "'",
    '\\\\restrict',
    'é',
    '$$',
    ' \\\\.',
  ),
  { maxLength: 6 },
);
const copy = fc
  .tuple(
    fc.constantFrom(
      'COPY t FROM stdin;',
      'COPY public.t (a) FROM stdin;',
      'COPY "a; COPY x" ("b""c") FROM stdin;',
      "COPY\nt -- c ; '\n (a)\nFROM /* ; */ STDIN; -- x",
    ),
    rows,
  )
  .map(([head, lines]) => [head, ...lines, '\\.', ''].join('\n'));
const sound = fc.oneof(
  string.map((text) => `SELECT ${text};`),
  wrap("INSERT INTO t VALUES ('", "');", /^'$/),
  copy,
  copy,
);
const join = (statements: readonly string[]) =>
  statements
    .map((text, n) => text + (text.endsWith('\\.\n') ? '' : ['', ' ', '\n', "\n-- c '\n"][n % 4]))
    .join('');
/** psql loses its place where a statement of one or two letters fails behind a COPY: nonsense has none. */
const text = fc
  .oneof(fc.array(nonsense, { minLength: 1, maxLength: 6 }), fc.array(sound, { minLength: 1, maxLength: 6 }))
  .map(join);

/** psql leaves out blank lines and comments of a statement, and is asked for nothing else here. */
const bare = (statement: string) => statement.replaceAll(/\s+/g, '');

describe.skipIf(withoutDocker)('the SQL lexer and psql', () => {
  let project: DatabaseProject;
  beforeAll(() => {
    project = startDatabaseProject('lexer', { postgres: '17' });
    project.sql('CREATE TABLE t (a text); CREATE TABLE "a; COPY x" ("b""c" text)');
  });
  afterAll(() => project?.remove());

  function docker(script: string, input = ''): string {
    const { status, stdout, stderr } = spawnSync(
      'docker',
      ['compose', 'exec', '-T', 'db', 'sh', '-c', script],
      {
        cwd: project.directory,
        encoding: 'utf8',
        input,
        maxBuffer: 64 * 1024 * 1024,
      },
    );
    if (status !== 0) throw new Error(stderr);
    return stdout;
  }

  function ours(bytes: Buffer, size: number): { statements: string[]; whole: boolean } {
    const statements: string[] = [];
    let whole = true;
    const lexer = new SqlLexer({
      statement: ({ start, end }) => statements.push(bare(bytes.toString('utf8', start, end))),
      psqlCommand: () => {
        whole = false;
      },
      copyData: () => {},
      comment: () => {},
    });
    for (let at = 0; at < bytes.length; at += size) lexer.push(bytes.subarray(at, at + size));
    return { statements, whole: lexer.end() === undefined && whole };
  }

  it(`split ${TEXTS} texts alike, in pieces of every size`, () => {
    const texts = fc.sample(text, { numRuns: TEXTS, seed: SEED });
    // A line of base64 for each text; psql logs what it sends.
    const logs = docker(
      'n=0; while read -r line; do n=$((n + 1)); echo "$line" | base64 -d | psql -XqU owner -d shop -L "/tmp/$n.log" -f - >/dev/null 2>&1; base64 -w0 "/tmp/$n.log"; echo; done',
      texts.map((one) => `${Buffer.from(one).toString('base64')}\n`).join(''),
    ).split('\n');
    let compared = 0;
    for (const [n, one] of texts.entries()) {
      const log = Buffer.from(logs[n] as string, 'base64').toString('utf8');
      const theirs = [...log.matchAll(/^\/\*{8} QUERY \*{9}\/\n([\s\S]*?)\n\/\*{24}\/$/gm)].map((match) =>
        bare(match[1] as string),
      );
      for (const size of [1, 2, 3, 7, 1 << 20]) {
        const { statements, whole } = ours(Buffer.from(one), size);
        // psql sends what a text ends in the middle of as well.
        if (!whole) break;
        expect(statements.length, one).toBe(theirs.length);
        for (const [index, statement] of statements.entries()) {
          expect(theirs[index]?.endsWith(statement), `${one}\n${theirs[index]}\n${statement}`).toBe(true);
        }
        compared += statements.length;
      }
    }
    expect(compared).toBeGreaterThan(TEXTS * 5);
  }, 240_000);
});
