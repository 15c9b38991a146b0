import { command } from '../cli/command.js';
import type { Context } from '../cli/context.js';
import { choice, flag, number, parsed, rest } from '../cli/parameters.js';
import type { LogOptions } from '../engine/engine.js';
import { usageError } from '../errors.js';
import type { Zod } from '../output/shapes.js';
import { assertServices } from '../services/choose-services.js';
import { type DeployedServices, deployedServices } from '../services/deployed-services.js';
import { atLeast, LOG_LEVELS, type LogLevel, readLogLine } from '../services/log-levels.js';
import { prettyLine } from './logs/pretty-line.js';

/** Lines of each service that `--follow` begins with: enough for context, few enough to read. */
const FOLLOW_TAIL = 100;

export default command({
  summary: 'what the services print',
  examples: ['invctl logs', 'invctl logs api --follow --level warn', 'invctl logs --since 10m --tail 100'],
  args: { services: rest('service', 'only these', { offers: 'services' }) },
  flags: {
    follow: flag('go on with new lines', { short: 'f' }),
    tail: number('lines', 'only the last lines of each service', {
      whole: true,
      otherwise: `all; with --follow and no --since: ${FOLLOW_TAIL}`,
    }),
    since: parsed('time', 'only since then: 30s, 10m, 2h, 1d or an ISO time', readSince),
    level: choice('level', LOG_LEVELS, 'only this level and worse', { anyCase: true }),
  },
  async run(context, { args: { services }, flags: { follow, since, level, ...flags } }) {
    const tail = flags.tail ?? (follow && since === undefined ? FOLLOW_TAIL : undefined);
    await printLogs(context, level, {
      services,
      signal: context.signal,
      ...(follow ? { follow } : {}),
      ...(tail === undefined ? {} : { tail }),
      ...(since === undefined ? {} : { since }),
    });
    return { interrupted: context.signal.aborted };
  },
});

/** One line of `logs --json`, which is NDJSON. */
export const logLine = (z: Zod) =>
  z.object({
    service: z.string(),
    time: z.string().optional().describe('ISO time'),
    line: z.string(),
  });

/** Follows the logs from now on until Ctrl-C, which is the normal end. */
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
    const deployed = await deployedServices(context);
    output.note(
      deployed
        ? elsewhere(location.name, deployed, options.services)
        : `${location.name} is not up, and has no logs; start it with: invctl up`,
    );
  }
}

function elsewhere(
  project: string,
  { place, services, problems }: DeployedServices,
  only: readonly string[],
) {
  const asked = services.filter(({ name }) => only.length === 0 || only.includes(name));
  return [
    `${project} is deployed in ${place}, which keeps its logs${asked.length > 0 ? ':' : ''}`,
    ...asked.map(({ logs }) => `  ${logs}`),
    ...problems,
  ].join('\n');
}

/** An ISO time from `10m` before now, or from anything that `Date` reads. */
function readSince(word: string, name: string): string {
  const now = new Date();
  const span = /^(\d+)([smhd])$/.exec(word);
  if (span) {
    const unit = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[span[2] as 's' | 'm' | 'h' | 'd'];
    return new Date(now.getTime() - Number(span[1]) * unit).toISOString();
  }
  const time = new Date(word);
  if (Number.isNaN(time.getTime())) {
    throw usageError(`${name} "${word}" is not a time`, `${name} 30s, 10m, 2h, 1d or 2026-01-31T12:00:00Z`);
  }
  return time.toISOString();
}
