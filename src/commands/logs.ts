import type { Command } from 'commander';
import { declare, type Handle } from '../cli/command.js';
import type { Context } from '../cli/context.js';
import type { LogOptions } from '../engine/engine.js';
import { usageError } from '../errors.js';
import { assertServices } from '../services/choose-services.js';
import { atLeast, LOG_LEVELS, type LogLevel, readLogLine } from '../services/log-levels.js';
import { prettyLine } from './logs/pretty-line.js';

/** Lines of each service that `--follow` begins with: enough to see where it stands, no flood. */
const FOLLOW_TAIL = 100;

interface LogFlags {
  follow?: boolean;
  tail?: string;
  since?: string;
  level?: string;
}

export function define(program: Command, handle: Handle): void {
  const command = declare(program, 'logs', 'what the services print', [
    'invctl logs',
    'invctl logs api --follow --level warn',
    'invctl logs --since 10m --tail 100',
  ])
    .argument('[service...]', 'only these')
    .option('-f, --follow', 'go on with new lines')
    .option(
      '--tail <lines>',
      `only the last lines of each service (default: all; with --follow and no --since: ${FOLLOW_TAIL})`,
    )
    .option('--since <time>', 'only since then: 30s, 10m, 2h, 1d or an ISO time')
    .option('--level <level>', `only this level and worse: ${LOG_LEVELS.join(', ')}`);
  handle<LogFlags>(command, async (context, { args: [services], options }) => {
    const level = readLevel(options.level);
    const tail =
      options.tail ?? (options.follow && options.since === undefined ? `${FOLLOW_TAIL}` : undefined);
    await printLogs(context, level, {
      services,
      signal: context.signal,
      ...(options.follow ? { follow: true } : {}),
      ...(tail === undefined ? {} : { tail: readTail(tail) }),
      ...(options.since === undefined ? {} : { since: readSince(options.since, new Date()) }),
    });
    return { interrupted: context.signal.aborted };
  });
}

/** Follows the logs from now on until Ctrl-C, which is its ordinary end. */
export async function followLogs(context: Context, services: readonly string[]): Promise<void> {
  await printLogs(context, undefined, { services, follow: true, tail: 0, signal: context.signal });
}

async function printLogs(context: Context, level: LogLevel | undefined, options: LogOptions): Promise<void> {
  const location = context.project();
  const engine = await context.engine();
  if (options.services.length > 0) assertServices(await engine.resolve(location), options.services);
  const { output } = context;
  const pretty = Boolean(process.stdout.isTTY) && !output.json;
  let width = 0;
  let silent = true;
  try {
    for await (const entry of engine.logs(location, options)) {
      silent = false;
      const read = level || pretty ? readLogLine(entry.line) : undefined;
      if (level && read && !atLeast(read.level, level)) continue;
      width = Math.max(width, entry.service.length);
      if (output.json) output.printLine(JSON.stringify(entry));
      else if (pretty) {
        const { columns, style } = output;
        output.printLine(prettyLine(entry, { nameWidth: width, columns, style }));
      } else {
        output.printLine(
          options.services.length === 1 ? entry.line : `${entry.service.padEnd(width)} | ${entry.line}`,
        );
      }
    }
  } catch (error) {
    if (!(options.follow && context.signal.aborted)) throw error;
  }
  if (silent && (await engine.status(location)).length === 0) {
    output.note(`$location.nameis not up, and has no logs; start it with: invctl up`);
  }
}

function readLevel(text: string | undefined): LogLevel | undefined {
  if (text === undefined) return undefined;
  const level = LOG_LEVELS.find((candidate) => candidate === text.toLowerCase());
  if (!level) throw usageError(`unknown level "${text}"`, `--level ${LOG_LEVELS.join('|')}`);
  return level;
}

function readTail(text: string): number {
  const lines = Number(text);
  if (!Number.isInteger(lines) || lines < 0) throw usageError(`--tail "${text}" is not a number of lines`);
  return lines;
}

/** An ISO time from `10m` before now, or from anything that `Date` reads. */
function readSince(text: string, now: Date): string {
  const span = /^(\d+)([smhd])$/.exec(text);
  if (span) {
    const unit = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[span[2] as 's' | 'm' | 'h' | 'd'];
    return new Date(now.getTime() - Number(span[1]) * unit).toISOString();
  }
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) {
    throw usageError(`--since "${text}" is no time`, '--since 30s, 10m, 2h, 1d or 2026-01-31T12:00:00Z');
  }
  return time.toISOString();
}
