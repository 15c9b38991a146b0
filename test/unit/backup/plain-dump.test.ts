import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { examineDump, restorableSql } from '../../../src/backup/plain-dump.js';
import { nameKey } from '../../../src/postgres/sql-names.js';

const HEADER = `--
-- PostgreSQL database dump
--

\\restrict fQ3abc

-- Dumped from database version 16.4
-- Dumped by pg_dump version 17.2 (Debian 17.2-1)

SET statement_timeout = 0;
SET transaction_timeout = 0;
CREATE TABLE public.items (id integer, sku text);
`;
const COPIES = `COPY public.items (id, sku) FROM stdin;
1\tA
2\t\\\\restrict
\\restrict is data here
\\.

COPY public."odd; name" FROM stdin;
\\.

`;
const FOOTER = `--
-- PostgreSQL database dump complete
--

\\unrestrict fQ3abc
`;
const WHOLE = HEADER + COPIES + FOOTER;

/** In pieces, as a file comes: any border may fall anywhere. */
function pieces(text: string | Buffer, size: number): Readable {
  const bytes = Buffer.from(text);
  const count = Math.ceil(bytes.length / size);
  return Readable.from(Array.from({ length: count }, (_, n) => bytes.subarray(n * size, (n + 1) * size)));
}

function examine(text: string | Buffer, size = 1 << 20) {
  return examineDump(pieces(text, size), 'shop');
}

async function restorable(text: string | Buffer, size = 1 << 20): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of restorableSql(pieces(text, size), 'shop')) parts.push(part);
  return Buffer.concat(parts).toString('latin1');
}

async function unsafe(text: string | Buffer): Promise<string[]> {
  return (await examine(text)).problems.filter((problem) => problem.unsafe).map(({ kind }) => kind);
}

describe('examineDump', () => {
  it('reads versions, tables and rows of a whole dump, and finds it safe', async () => {
    const { problems, ...rest } = await examine(WHOLE);
    expect(rest).toEqual({
      serverMajor: 16,
      program: '17.2',
      tables: [
        { name: 'public.items', rows: 3 },
        { name: 'public."odd; name"', rows: 0 },
      ],
    });
    expect(problems.map(({ kind, line, unsafe: bad }) => [kind, line, bad])).toEqual([
      ['restrict', 5, false],
      ['transaction-timeout', 11, false],
      ['restrict', 26, false],
    ]);
  });

  it('refuses a cut at every line', async () => {
    const lines = WHOLE.split('\n');
    const footer = lines.findIndex((line) => line.includes('dump complete'));
    for (let kept = 0; kept <= footer; kept += 1) {
      expect(await unsafe(lines.slice(0, kept).join('\n')), `${kept} lines`).not.toEqual([]);
    }
    expect(await unsafe(lines.slice(0, footer + 1).join('\n'))).toEqual([]);
  });

  it('names the COPY that was cut', async () => {
    const { problems } = await examine(WHOLE.slice(0, WHOLE.indexOf('2\t')));
    expect(problems).toContainEqual({
      kind: 'unfinished-copy',
      line: 13,
      message: 'the rows of public.items do not end: the file was cut',
      unsafe: true,
    });
  });

  it('refuses what Windows tools make of a dump', async () => {
    expect(await unsafe(WHOLE.replaceAll('\n', '\r\n'))).toEqual(['crlf']);
    expect(await unsafe(Buffer.from(`\ufeff${WHOLE}`, 'utf16le'))).toContain('utf-16');
  });

  it.each(['\\connect other', '\\! rm -rf /', '\\i more.sql', '\\copy items to program'])(
    'refuses the psql command %s',
    async (command) => {
      expect(await unsafe(WHOLE.replace('SET statement', `${command}\nSET statement`))).toEqual([
        'meta-command',
      ]);
    },
  );

  it('is not fooled by pieces that end anywhere', async () => {
    const text = WHOLE.replace('1\tA', '1\tÄ€𝄞');
    const whole = await examine(text);
    for (const size of [1, 2, 3, 5, 7, 11, 64]) expect(await examine(text, size)).toEqual(whole);
  });

  /** Of pg_dump --inserts: what text does that a reader of lines takes for the dump's own. */
  const quoted = [
    'SET transaction_timeout = 0;',
    '\\connect postgres',
    '\\restrict x',
    'COPY public.x (a) FROM stdin;',
    '\\.',
    "it''s /* -- $$ (",
    FOOTER.trimEnd(),
  ].map((line, n) => `INSERT INTO public.notes VALUES (${n}, 'a\n${line}\nb');\n`);
  const inserts = `${HEADER}CREATE TABLE public.notes (id int, body text);\n${quoted.join('')}`;

  it('takes what stands in a string for what it is', async () => {
    expect(await unsafe(inserts + FOOTER)).toEqual([]);
    expect((await examine(inserts + FOOTER)).tables).toEqual([{ name: 'public.notes', rows: 7 }]);
  });

  it('counts the last words at the end alone', async () => {
    expect(await unsafe(inserts)).toEqual(['no-footer']);
    expect(await unsafe(inserts.slice(0, inserts.lastIndexOf("\nb');")))).toEqual(['unfinished-statement']);
    expect(await unsafe(`${WHOLE}\n-- Dump completed on 2024-01-01\nANALYZE;\n`)).toEqual([]);
    expect(await unsafe(`${WHOLE}${HEADER}`)).toEqual(['no-footer']);
    expect(await unsafe(`${WHOLE}--\n-- PostgreSQL database dump\n`)).toEqual(['no-footer']);
  });

  it('takes CR LF for damage where every line has it', async () => {
    const body = 'CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\r\nSELECT 1;\r\n$$;\n';
    expect(await unsafe(HEADER + body + COPIES + FOOTER)).toEqual([]);
    expect(await unsafe((HEADER + body + COPIES + FOOTER).replaceAll('\n', '\r\n'))).toEqual(['crlf']);
    expect(await unsafe(`${(HEADER + body + COPIES + FOOTER).replaceAll('\n', '\r\n')}\n`)).toEqual(['crlf']);
    expect(await unsafe(HEADER.replaceAll('\n', '\r\n') + COPIES + FOOTER)).toEqual(['crlf']);
    expect(await unsafe(`${HEADER}${COPIES}${FOOTER}ANALYZE;\r\n`)).toEqual([]);
  });

  it.each([
    ['empty', ''],
    ['nul', Buffer.concat([Buffer.from(WHOLE), Buffer.alloc(8)])],
    ['data-only', `${HEADER}${COPIES}${FOOTER}`.replace('CREATE TABLE', 'SELECT')],
    ['foreign', '-- MySQL dump 10.13\n'],
    ['server-wide', `${HEADER}CREATE TABLE a ();\nCREATE ROLE evil SUPERUSER;\n${FOOTER}`],
    [
      'subscription',
      `${HEADER}CREATE SUBSCRIPTION s CONNECTION 'host=p options=''connect = false''' PUBLICATION p WITH (slot_name = 's');\n${FOOTER}`,
    ],
    [
      'other-database',
      `${HEADER}CREATE DATABASE a;\n\\connect a\nCREATE TABLE a ();\n\\connect b\n${FOOTER}`,
    ],
    ['copy-line', `${HEADER}CREATE TABLE a ();\nCOPY a FROM stdin; DROP TABLE a;\n\\.\n${FOOTER}`],
    ['meta-command', `${HEADER}SELECT 1 \\gexec\n;\n${FOOTER}`],
  ])('names what is %s', async (kind, text) => {
    expect(await unsafe(text)).toContain(kind);
  });

  it('reads names in the encoding of the dump', async () => {
    const text = `SET client_encoding = 'LATIN1';\nCREATE TABLE "caf\xe9" ();\nCOPY "caf\xe9" FROM stdin;\n\n\\.\n${FOOTER}`;
    expect((await examine(Buffer.from(text, 'latin1'))).tables).toEqual([{ name: 'public."café"', rows: 1 }]);
  });
});

describe('names in a dump', () => {
  it('have the schema that search_path had, as pg_dump of before 2018 left it', async () => {
    const text = `SET search_path = shop, pg_catalog;\nCOPY a (id) FROM stdin;\n1\n\\.\nCOPY other."b.c" FROM stdin;\n\\.\nSET search_path = "$user", public;\nCOPY a FROM stdin;\n\\.\n${FOOTER}`;
    expect((await examine(text)).tables).toEqual([
      { name: 'shop.a', rows: 1 },
      { name: 'other."b.c"', rows: 0 },
      { name: 'public.a', rows: 0 },
    ]);
  });

  it('are of one table however they are written, and of none that the text does not count', async () => {
    const text = `INSERT INTO Notes VALUES (1), (2);\nCOPY "public"."notes" FROM stdin;\n3\n\\.\nCOPY c FROM stdin WITH (FORMAT csv);\n"a\nb"\n\\.\nINSERT INTO s SELECT 1;\nINSERT INTO s VALUES (1);\nCOPY U&"d\\0061" FROM stdin;\n\\.\n${FOOTER}`;
    expect((await examine(text)).tables).toEqual([{ name: 'public.notes', rows: 3 }]);
  });

  it.each([
    ['"public"."a"', 'public.a'],
    ['PUBLIC.A', 'public.a'],
    ['public."a ""b"".c"', 'public . "a ""b"".c"'],
  ])('%s is %s', (one, other) => expect(nameKey(one)).toBe(nameKey(other)));

  it('are others where only quotes make them alike', () => {
    const names = ['public.a', 'public."A"', '"public.a"', 'a.public', 'a'];
    expect(new Set(names.map(nameKey)).size).toBe(names.length);
  });
});

describe('restorableSql', () => {
  const kept = WHOLE.replace('\\restrict fQ3abc\n', '\n')
    .replace('\\unrestrict fQ3abc\n', '\n')
    .replace('SET transaction_timeout = 0;\n', '\n');

  it('leaves out what older servers and psqls do not know, never a row, and no line break', async () => {
    for (const size of [1, 2, 3, 7, 1 << 20]) expect(await restorable(WHOLE, size)).toBe(kept);
  });

  it('starts no subscription', async () => {
    const made =
      "CREATE SUBSCRIPTION s CONNECTION 'host=p' PUBLICATION p WITH (connect = false, slot_name = 's');\n";
    const text = `CREATE TABLE a ();\n${made}ALTER SUBSCRIPTION "a s" ENABLE;\nALTER SUBSCRIPTION s OWNER TO enable;\n`;
    expect(await unsafe(`${HEADER}${text}${FOOTER}`)).toEqual([]);
    expect(await restorable(text)).toBe(text.replace('ALTER SUBSCRIPTION "a s" ENABLE;', ''));
  });

  it('keeps every byte that is quoted, and those of no encoding', async () => {
    const text = Buffer.from(
      `CREATE TABLE a ();\nINSERT INTO a VALUES ('\n\\restrict x\nSET transaction_timeout = 0;\n\xe9\xff\x81\0');\n`,
      'latin1',
    );
    for (const size of [1, 5, 1 << 20]) expect(await restorable(text, size)).toBe(text.toString('latin1'));
  });

  it('never leads to another database', async () => {
    const dump =
      'DROP DATABASE shop;\nCREATE DATABASE shop;\nALTER DATABASE shop OWNER TO x;\n\\connect shop\nSET row_security = off;\nGRANT ALL ON DATABASE shop TO x;\nCREATE TABLE a ();\n';
    expect(await restorable(dump)).toBe('\n\n\n\nSET row_security = off;\n\nCREATE TABLE a ();\n');
  });

  it('leads to none whose name is no plain word, for which pg_dump changes the encoding', async () => {
    const dump =
      'CREATE DATABASE "my-shop";\n\\encoding SQL_ASCII\n\\connect -reuse-previous=on "dbname=\'my-shop\'"\nCREATE TABLE a ();\n';
    expect(await restorable(dump)).toBe('\n\n\nCREATE TABLE a ();\n');
    expect(await unsafe(`${dump}${FOOTER}`)).toEqual([]);
    expect(await unsafe(`${HEADER}\\encoding SQL_ASCII\n${FOOTER}`)).toEqual(['meta-command']);
  });

  it('drops nothing in a new database, and keeps ALTER SCHEMA', async () => {
    const dump = `ALTER TABLE ONLY a DROP CONSTRAINT b;\nDROP TABLE a;\nDROP SCHEMA public;\nCREATE SCHEMA public;\nALTER SCHEMA public OWNER TO x;\nCREATE TABLE a ();\nDROP TABLE a;\n`;
    expect(await restorable(dump)).toBe(
      '\n\nDROP SCHEMA public;\nCREATE SCHEMA public;\nALTER SCHEMA public OWNER TO x;\nCREATE TABLE a ();\nDROP TABLE a;\n',
    );
  });

  it('takes the one database out of a pg_dumpall', async () => {
    const part = (name: string) =>
      `--\n-- PostgreSQL database dump\n--\n\nCREATE DATABASE ${name};\n\\connect ${name}\nSELECT '${name}\n\\connect shop\n';\nCREATE TABLE a ();\nCOPY a FROM stdin;\n\\connect x\n\\.\n-- PostgreSQL database dump complete\n`;
    const dump = `--\n-- PostgreSQL database cluster dump\n--\nCREATE ROLE x;\n${part('other')}${part('shop')}${part('third')}-- PostgreSQL database cluster dump complete\n`;
    for (const size of [1, 9, 1 << 20]) {
      const sql = await restorable(dump, size);
      expect(sql).toContain("SELECT 'shop\n\\connect shop\n';");
      expect(sql).not.toMatch(/other|third|CREATE ROLE|CREATE DATABASE/);
    }
    expect(await unsafe(dump)).toEqual([]);
    expect((await examine(dump)).tables).toEqual([{ name: 'public.a', rows: 1 }]);
    expect(await unsafe(dump.replaceAll('shop', 'store'))).toEqual(['no-database']);
  });

  it('holds no row, however long', async () => {
    const piece = Buffer.alloc(1 << 20, 'x');
    async function* text() {
      yield Buffer.from("CREATE TABLE a ();\nINSERT INTO a VALUES ('");
      for (let n = 0; n < 300; n += 1) yield piece;
      yield Buffer.from("');\nCOPY a FROM stdin;\n");
      for (let n = 0; n < 300; n += 1) yield piece;
      yield Buffer.from('\n\\.\n');
    }
    let [bytes, most] = [0, 0];
    for await (const part of restorableSql(text(), 'shop')) {
      bytes += part.length;
      most = Math.max(most, part.length);
    }
    expect(bytes).toBeGreaterThan(600 << 20);
    expect(most).toBeLessThan(3 << 20);
  });
});
