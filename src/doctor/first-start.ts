import type { SurveyedContainer } from '../engine/survey.js';
import type { Facts } from './facts.js';

/**
 * The first start of a PostgreSQL container, with its scripts, is expected within this time of its output.
 */
const FIRST_MS = 10 * 60_000;
const MOST_LINES = 2000;

/** Output of a container's first start, oldest line first. */
export function firstStart(facts: Facts, container: SurveyedContainer): Promise<string[]> {
  return facts.docker.firstLogs(container, FIRST_MS, MOST_LINES);
}

/** Whether the image found data, or has initialised it. */
export function hasInitialised(lines: readonly string[]): boolean {
  return lines.some((line) => /init process complete|Skipping initialization/.test(line));
}

export interface InitFailure {
  /** Path of the file in the container. */
  target: string;
  /** Message of psql, the server or the shell. */
  message: string;
  /** 1-based, in the file. */
  line?: number;
  /** The statement in the server's log. */
  statement?: string;
}

const IN_FILE = '(\\/docker-entrypoint-initdb\\.d\\/[^\\s:]+)';
/** Error messages of psql and of a shell: both name the file and the line. */
const OF_PSQL = new RegExp(`psql:${IN_FILE}:(\\d+): (?:ERROR|FATAL): +(.*)`);
const OF_PSQL_WITHOUT_LINE = new RegExp(`psql: (?:error|fatal): ${IN_FILE}: (.*)`, 'i');
const OF_SHELL = new RegExp(
  `${IN_FILE}: (?:line (\\d+): )?(.*(?:not found|permission denied|syntax error|bad interpreter|unbound variable|cannot execute).*)`,
  'i',
);
const RUNNING = new RegExp(`docker-entrypoint\\.sh: (?:running|sourcing) ${IN_FILE}`);

/**
 * Why the first start of a container ended before its scripts were done, from its output. An error that a
 * script handled itself does not count: the start completed.
 */
export function initFailure(lines: readonly string[]): InitFailure | undefined {
  const end = lines.findIndex((line) => /init process complete|Skipping initialization/.test(line));
  if (/init process complete/.test(lines[end] ?? '')) return undefined;
  const start = end < 0 ? lines : lines.slice(0, end);
  let running: string | undefined;
  for (const [index, line] of start.entries()) {
    running = RUNNING.exec(line)?.[1] ?? running;
    const named = OF_PSQL.exec(line) ?? OF_SHELL.exec(line);
    if (named) {
      const [, target = '', at, message = ''] = named;
      return { target, message, ...(at === undefined ? {} : { line: Number(at) }) };
    }
    const unread = OF_PSQL_WITHOUT_LINE.exec(line);
    if (unread) return { target: unread[1] as string, message: unread[2] as string };
    const server = running === undefined ? null : /\bERROR: +(.*)/.exec(line);
    // psql may report the same error with more detail, at nearly the same time.
    if (server && running !== undefined && !start.slice(index).some((later) => OF_PSQL.test(later))) {
      const statement = /STATEMENT: +(.*)/.exec(start.slice(index + 1, index + 4).join('\n'))?.[1];
      return { target: running, message: server[1] as string, ...(statement ? { statement } : {}) };
    }
  }
  return undefined;
}
