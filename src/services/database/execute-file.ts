import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { ExitCode, UserError } from '../../errors.js';
import { findDatabase, lacksClientPrograms, psqlForScript, runProgram } from '../../postgres/database.js';
import { endSessions } from '../../postgres/server-sessions.js';
import { outputTail } from '../../system/argv.js';
import type { ServiceContext } from '../context.js';

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

export interface ExecutedFile {
  /** Absolute path. */
  file: string;
  /** What psql printed. */
  output: string;
  seconds: number;
}

/**
 * Runs an SQL file. It stops at the first error and rolls everything back, unless `transaction` is false or
 * the file ends transactions itself, which gives a warning.
 *
 * @throws UserError SQL_FAILED with the file, the line of the statement and the server's message.
 */
export async function executeFile(
  context: ServiceContext,
  input: { file: string; transaction: boolean },
): Promise<ExecutedFile> {
  const file = resolve(context.directory, input.file);
  await access(file).catch((cause) => {
    throw new UserError({
      code: 'FILE_NOT_FOUND',
      message: `${file} cannot be read`,
      hint: `ls -l ${file}`,
      exitCode: ExitCode.usage,
      file,
      cause,
    });
  });
  const engine = await context.engine();
  const database = await findDatabase(engine, context.project());
  const marker = randomBytes(12).toString('hex');
  const applicationName = `invctl-exec-${marker}`;
  const started = Date.now();
  if (await lacksClientPrograms(database)) {
    const { executeStatements } = await import('./execute-statements.js');
    await executeStatements(context, database, file, input.transaction);
    return { file, output: '', seconds: (Date.now() - started) / 1000 };
  }
  const result = await runProgram(database, [...psqlForScript(database), '--file=-'], {
    input: Readable.from(script(file, input.transaction, marker)),
    env: { PGAPPNAME: applicationName, PGCLIENTENCODING: 'UTF8' },
    signal: context.signal,
  }).catch(async (error) => {
    await endSessions(database, applicationName).catch(() => {});
    throw error;
  });
  const ownTransactions =
    /^(?:psql:<stdin>:\d+: )?WARNING: {2}there is (?:already a|no) transaction in progress/m.test(
      result.stderr,
    );
  const whole = input.transaction && !ownTransactions;
  if (result.status !== 0) throw executionError(file, result.stderr, whole);
  // psql exits with 0 when its input ends, even in the middle of the file; the marker shows that it read all
  // of it.
  if (!result.stdout.endsWith(`${marker}\n`)) {
    throw executionError(file, 'the file did not reach psql to its end', whole);
  }
  if (input.transaction && ownTransactions) {
    context.warn(`${file} begins or ends transactions itself, so it was not one transaction`);
  }
  return {
    file,
    output: result.stdout.slice(0, -(marker.length + 1)),
    seconds: (Date.now() - started) / 1000,
  };
}

/**
 * The file between BEGIN and COMMIT, its line numbers kept. psql's own --single-transaction commits when its
 * input ends, even when it ends because invctl was killed half-way.
 */
async function* script(file: string, transaction: boolean, marker: string): AsyncGenerator<Buffer | string> {
  if (transaction) yield 'BEGIN; ';
  let atStart = true;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    yield atStart && chunk.subarray(0, 3).equals(BYTE_ORDER_MARK) ? chunk.subarray(3) : chunk;
    atStart = false;
  }
  yield transaction ? '\n;COMMIT;\n' : '\n;\n';
  yield `\\echo ${marker}\n`;
}

/** psql calls its standard input `<stdin>`; the message names the file instead. */
export function executionError(file: string, stderr: string, whole: boolean): UserError {
  const match = /^psql:<stdin>:(\d+): (?:ERROR|FATAL|error):/m.exec(stderr);
  const said = outputTail(stderr.replaceAll(/^psql:<stdin>:\d+: /gm, ''), 10);
  return new UserError({
    code: 'SQL_FAILED',
    message: `${said}\n${whole ? 'nothing of the file was applied' : 'the statements before it were applied'}`,
    hint: match
      ? `mend line ${match[1]}, then: invctl db exec ${file}`
      : 'invctl ps      (is the database up?)',
    file,
    ...(match ? { line: Number(match[1]) } : {}),
  });
}
