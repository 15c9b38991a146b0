import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { dumpLines, examineDump, restorableLines } from '../../../../src/services/database/plain-dump.js';

const HEADER = `--
-- PostgreSQL database dump
--

\\restrict fQ3abc

-- Dumped from database version 16.4
-- Dumped by pg_dump version 17.2 (Debian 17.2-1)

SET statement_timeout = 0;
SET transaction_timeout = 0;
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

function examine(text: string | Buffer) {
  return examineDump(dumpLines(Readable.from([Buffer.from(text)])));
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
      ['restrict', 25, false],
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
      line: 12,
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

  it('reads gzip, whatever the file is called', async () => {
    expect((await examine(gzipSync(WHOLE))).tables).toHaveLength(2);
  });

  it('is not fooled by chunks that end anywhere', async () => {
    const bytes = Buffer.from(WHOLE.replace('1\tA', '1\tÄ€𝄞'));
    const pieces = Array.from(bytes, (byte) => Buffer.from([byte]));
    expect((await examineDump(dumpLines(Readable.from(pieces)))).tables[0]).toEqual({
      name: 'public.items',
      rows: 3,
    });
  });
});

describe('restorableLines', () => {
  it('leaves out what older servers and psqls do not know, and never a row', async () => {
    let text = '';
    for await (const line of restorableLines(dumpLines(Readable.from([Buffer.from(WHOLE)])))) text += line;
    expect(text).toBe(
      WHOLE.replace('\\restrict fQ3abc\n', '')
        .replace('\\unrestrict fQ3abc\n', '')
        .replace('SET transaction_timeout = 0;\n', ''),
    );
  });
});
