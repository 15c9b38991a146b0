import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** Something about a plain SQL dump that a person should know before it is restored. */
export interface DumpProblem {
  kind:
    | 'no-footer'
    | 'unfinished-copy'
    | 'crlf'
    | 'utf-16'
    | 'meta-command'
    | 'restrict'
    | 'transaction-timeout';
  /** 1-based; absent where it concerns the whole file. */
  line?: number;
  message: string;
  /** True: restoring it could lose data or do something else than restore. */
  unsafe: boolean;
}

export interface DumpExamination {
  problems: DumpProblem[];
  /** Rows of each COPY, by table as the dump writes it. */
  tables: { name: string; rows: number }[];
  /** Major version of the server that it was made of, where its header says so. */
  serverMajor?: number;
  /** Version of the pg_dump that made it. */
  program?: string;
}

const FOOTER = '-- PostgreSQL database dump complete';
const COPY = /^COPY (.+?) *(?: \(.*\))? FROM stdin;$/;

/**
 * Reads SQL as pg_dump writes it, to its end. A dump that was cut inside a COPY restores without an error, so its
 * shape is all that tells: the footer, the end of each COPY, the line ends.
 */
export async function examineDump(lines: AsyncIterable<string>): Promise<DumpExamination> {
  const problems: DumpProblem[] = [];
  const tables: DumpExamination['tables'] = [];
  let copying: { name: string; rows: number; line: number } | undefined;
  let footer = false;
  let number = 0;
  let carriageReturns = 0;
  let serverMajor: number | undefined;
  let program: string | undefined;
  for await (const raw of lines) {
    number += 1;
    if (number === 1 && raw.includes('\0')) {
      problems.push({
        kind: 'utf-16',
        message: 'it is UTF-16 text, as the redirection of Windows PowerShell writes it',
        unsafe: true,
      });
    }
    if (raw.endsWith('\r')) {
      if (carriageReturns === 0) {
        problems.push({
          kind: 'crlf',
          line: number,
          message:
            'its lines end in CR LF: it went through a Windows text tool, which changes the data as well',
          unsafe: true,
        });
      }
      carriageReturns += 1;
    }
    const line = carriageReturns > 0 ? raw.replace(/\r$/, '') : raw;
    if (copying) {
      if (line === '\\.') {
        tables.push({ name: copying.name, rows: copying.rows });
        copying = undefined;
      } else copying.rows += 1;
      continue;
    }
    if (line.startsWith('COPY ')) {
      const table = COPY.exec(line)?.[1];
      if (table !== undefined) copying = { name: table, rows: 0, line: number };
    } else if (line.startsWith('--')) {
      if (line === FOOTER) footer = true;
      const from = /^-- Dumped from database version (\d+)/.exec(line)?.[1];
      if (from) serverMajor = Number(from);
      program ??= /^-- Dumped by pg_dump version (\S+)/.exec(line)?.[1];
    } else if (line.startsWith('\\')) {
      problems.push(metaCommand(line, number));
    } else if (line === 'SET transaction_timeout = 0;') {
      problems.push({
        kind: 'transaction-timeout',
        line: number,
        message: 'it sets transaction_timeout, which servers before 17 do not know',
        unsafe: false,
      });
    }
  }
  if (copying) {
    problems.push({
      kind: 'unfinished-copy',
      line: copying.line,
      message: `the rows of ${copying.name} do not end: the file was cut`,
      unsafe: true,
    });
  } else if (!footer) {
    problems.push({
      kind: 'no-footer',
      message: `its last words ("${FOOTER}") are missing: the file was cut, or is no dump`,
      unsafe: true,
    });
  }
  return {
    problems,
    tables,
    ...(serverMajor === undefined ? {} : { serverMajor }),
    ...(program === undefined ? {} : { program }),
  };
}

function metaCommand(line: string, number: number): DumpProblem {
  const word = /^\\\S+/.exec(line)?.[0] ?? '\\';
  if (word === '\\restrict' || word === '\\unrestrict') {
    return {
      kind: 'restrict',
      line: number,
      message: `it has ${word}, which a psql from before August 2025 does not know`,
      unsafe: false,
    };
  }
  return {
    kind: 'meta-command',
    line: number,
    message: `it has the psql command ${word}, which a dump of one database has not`,
    unsafe: true,
  };
}

/**
 * The dump without what older servers and psqls do not know and no restore needs: `\\restrict`, `\\unrestrict` and
 * `SET transaction_timeout`. Rows are left alone, whatever they look like.
 */
export async function* restorableLines(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let copying = false;
  for await (const line of lines) {
    if (copying) copying = line !== '\\.';
    else if (COPY.test(line)) copying = true;
    else if (/^\\(un)?restrict\b/.test(line) || line === 'SET transaction_timeout = 0;') continue;
    yield `${line}\n`;
  }
}

/** The lines of an SQL file, plain or gzip. */
export async function* dumpLines(source: Readable): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  for await (const chunk of await decompressed(source)) {
    const text = rest + decoder.decode(chunk as Buffer, { stream: true });
    const lines = text.split('\n');
    rest = lines.pop() as string;
    yield* lines;
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}

/** Unpacks what begins with gzip's magic number. */
async function decompressed(source: Readable): Promise<AsyncIterable<Buffer>> {
  const iterator = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first = await iterator.next();
  const all = (async function* () {
    if (first.done) return;
    yield first.value;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  })();
  if (first.done || first.value[0] !== 0x1f || first.value[1] !== 0x8b) return all;
  const { Readable: Stream, pipeline } = await import('node:stream');
  const gunzip = createGunzip();
  // The error reaches whoever reads the output.
  pipeline(Stream.from(all), gunzip, () => {});
  return gunzip;
}
