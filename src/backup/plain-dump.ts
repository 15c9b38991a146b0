import type { DumpProblem } from './dump-problem.js';
import { DumpReader, type LeftOut, LONGEST_LEFT_OUT } from './dump-reader.js';

export type { DumpProblem } from './dump-problem.js';

export interface DumpExamination {
  problems: DumpProblem[];
  /** Rows of each COPY and INSERT, by the name of the table in the dump. */
  tables: { name: string; rows: number }[];
  /** Major version of the dumped server, if the header has it. */
  serverMajor?: number;
  /** Version of the pg_dump that made it. */
  program?: string;
}

/**
 * Reads SQL of pg_dump to its end and checks it. A dump that was cut inside a COPY restores without an error,
 * so only its structure shows the damage: the footer, the end of each COPY and of each string, the line ends.
 * @param database the database to look at if the text is of a whole server.
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
 * Yields the bytes of a dump without the statements that a restore must not run: those that older servers and
 * psqls do not know (`\\restrict`, `SET transaction_timeout`), those that connect to another database, and
 * those that drop objects, which a new database does not have. Line numbers stay the same, and so does
 * everything inside strings, comments and rows.
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
    // An incomplete statement may have to be left out.
    const { position, openStart = position } = reader.lexer;
    yield* release(position - openStart > LONGEST_LEFT_OUT ? position : Math.min(openStart, position));
  }
  reader.end();
  yield* release(from + held.length);
}
