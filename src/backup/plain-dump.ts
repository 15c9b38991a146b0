import { type DumpProblem, DumpReader, type LeftOut, LONGEST_LEFT_OUT } from './dump-reader.js';

export type { DumpProblem } from './dump-reader.js';

export interface DumpExamination {
  problems: DumpProblem[];
  /** Rows of each COPY and INSERT, by table as the dump writes it. */
  tables: { name: string; rows: number }[];
  /** Major version of the server that it was made of, where its header says so. */
  serverMajor?: number;
  /** Version of the pg_dump that made it. */
  program?: string;
}

/**
 * Reads SQL as pg_dump writes it, to its end. A dump that was cut inside a COPY restores without an error, so its
 * shape is all that tells: the footer, the end of each COPY and of each string, the line ends.
 *
 * @param database which one is meant where the text is of a whole server.
 */
export async function examineDump(sql: AsyncIterable<Buffer>, database: string): Promise<DumpExamination> {
  const reader = new DumpReader(database);
  for await (const chunk of sql) reader.push(chunk);
  reader.end();
  const { problems, tables, serverMajor, program } = reader;
  return {
    problems,
    tables,
    ...(serverMajor === undefined ? {} : { serverMajor }),
    ...(program === undefined ? {} : { program }),
  };
}

/**
 * The bytes of a dump without what no restore may send: what older servers and psqls do not know (`\\restrict`,
 * `SET transaction_timeout`), what leads to another database, and what a new database has not to drop. Line numbers
 * stay, and everything inside of strings, comments and rows.
 *
 * @param database see {@link examineDump}
 */
export async function* restorableSql(sql: AsyncIterable<Buffer>, database: string): AsyncGenerator<Buffer> {
  const leftOut: LeftOut[] = [];
  const reader = new DumpReader(database, (range) => leftOut.push(range));
  let held: Buffer = Buffer.alloc(0);
  let from = 0;
  function* release(until: number): Generator<Buffer> {
    let at = from;
    if (reader.outside !== undefined) leftOut.push({ start: reader.outside, end: until });
    for (const { start, end } of leftOut.splice(0)) {
      if (start > at) yield held.subarray(at - from, start - from);
      at = Math.max(at, end);
    }
    if (until > at) yield held.subarray(at - from, until - from);
    held = held.subarray(until - from);
    from = until;
  }
  for await (const chunk of sql) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    reader.push(chunk);
    // A statement that is not at its end may have to be left out.
    const { position, openStart = position } = reader.lexer;
    yield* release(position - openStart > LONGEST_LEFT_OUT ? position : Math.min(openStart, position));
  }
  reader.end();
  yield* release(from + held.length);
}
