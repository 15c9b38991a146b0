import { describe, expect, it } from 'vitest';
import type { OpenSql } from '../../../src/postgres/sql-events.js';
import { SqlLexer } from '../../../src/postgres/sql-lexer.js';

/** What psql would send, in pieces of `size` bytes; rows of a COPY as their number. */
function read(
  text: string | Buffer,
  size = 1 << 20,
): { found: (string | number)[]; open: OpenSql | undefined } {
  const bytes = Buffer.from(text);
  const found: (string | number)[] = [];
  const lexer = new SqlLexer({
    statement: ({ start, end }) => found.push(bytes.toString('latin1', start, end)),
    psqlCommand: ({ text: command }) => found.push(command),
    copyData: ({ rows }) => found.push(rows),
    comment: () => {},
  });
  for (let at = 0; at < bytes.length; at += size) lexer.push(bytes.subarray(at, at + size));
  return { found, open: lexer.end() };
}

const ESCAPED = "E'a\\'; b\\\\'";

describe('SqlLexer', () => {
  it.each([
    ['strings', "SELECT 'a;''b\\';"],
    ['escape strings', `SELECT ${ESCAPED};`],
    ['a letter before a string that is no prefix', "SELECT fe'\\';"],
    ['the letter of a number', "SELECT 1e'\\';"],
    ["psql's variables", "SELECT :e'\\';"],
    ['bits and Unicode', `SELECT b'1', U&'\\' , U&"\\", n'\\';`],
    ['identifiers', 'SELECT ";""\'";'],
    ['dollar quotes', "SELECT $$;'$a$;$$, $a$;$b$;$$a$;"],
    ['dollars that quote nothing', "SELECT a$$b, $1, '$$';"],
    ['comments', 'SELECT 1 -- ;\n, 2 /* ; /* ; */ ; */;'],
    ['an operator before a comment', 'SELECT 1 +-- ;\n 2 */* ; */ 3;'],
    ['parentheses', 'CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);'],
    [
      'bodies of routines',
      'CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END;',
    ],
    ['a letter of more bytes', "SELECT é'\\', $é$;$é$;"],
  ])('knows %s', (_, statement) => {
    const text = `${statement}\nSELECT 'next';`;
    const whole = [Buffer.from(statement).toString('latin1'), "SELECT 'next';"];
    for (const size of [1, 2, 3, 1 << 20])
      expect(read(text, size), `pieces of ${size}`).toEqual({ found: whole, open: undefined });
  });

  it('obeys standard_conforming_strings', () => {
    const text =
      "SET standard_conforming_strings = off;SELECT 'a\\';';SET standard_conforming_strings TO 'on';SELECT 'a\\';";
    expect(read(text, 3).found).toHaveLength(4);
  });

  it.each([
    ['SJIS', Buffer.from([0x83, 0x5c])],
    ['BIG5', Buffer.from([0xa5, 0x5c])],
    ['GBK', Buffer.from([0xd5, 0x5c])],
    ['GB18030', Buffer.from([0x81, 0x30, 0x81, 0x5c])],
  ])('takes the second byte of a character in %s for what it is', (encoding, character) => {
    const text = Buffer.concat([
      Buffer.from(`SET client_encoding = '${encoding}';SELECT E'`),
      character,
      Buffer.from("';SELECT 1;"),
    ]);
    for (const size of [1, 2, 5, 1 << 20])
      expect(read(text, size).found).toHaveLength(encoding === 'GB18030' ? 3 : 3);
    const plain = Buffer.concat([Buffer.from("SELECT E'"), character, Buffer.from("';SELECT 1;")]);
    expect(read(plain)).toMatchObject({ open: 'string' });
  });

  it('reads the rows of a COPY to the line that ends them', () => {
    const text =
      'COPY public."a; COPY x" ("b;") FROM stdin;\n1\n\\.x\n\\\\.\n \\.\n\n\\restrict\n\\.\nSELECT 1;\nCOPY t FROM stdin;\n\\.\r\n\\x\n';
    for (const size of [1, 2, 3, 4, 1 << 20]) {
      expect(read(text, size).found).toEqual([
        'COPY public."a; COPY x" ("b;") FROM stdin;',
        6,
        'SELECT 1;',
        'COPY t FROM stdin;',
        0,
        '\\x',
      ]);
    }
    expect(read("COPY t FROM 'file';COPY (SELECT 1) TO stdout;SELECT 1;").found).toHaveLength(3);
  });

  it.each([
    ["SELECT 'a", 'string'],
    ["SELECT E'a\\'", 'string'],
    ['SELECT "a', 'identifier'],
    ['SELECT $a$ $$', 'dollar quote'],
    ['/* /* */', 'comment'],
    ['SELECT 1', 'statement'],
    ['COPY t FROM stdin;\n1\n\\', 'copy data'],
    ['SELECT 1; -- a', undefined],
  ])('knows what %s ends inside of', (text, open) => {
    for (const size of [1, 1 << 20]) expect(read(text, size).open).toBe(open);
  });

  it('counts lines and their ends', () => {
    const lexer = new SqlLexer({ statement() {}, psqlCommand() {}, copyData() {}, comment() {} });
    for (const byte of Buffer.from("SELECT '\r\n\n';\r\nCOPY t FROM stdin;\na\r\n\\.\n"))
      lexer.push(Buffer.from([byte]));
    lexer.end();
    expect(lexer.lines).toEqual({ all: 6, crlf: 3 });
  });
});
