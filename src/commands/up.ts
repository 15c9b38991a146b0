import { relative } from 'node:path';
import { command } from '../cli/command.js';
import type { Context } from '../cli/context.js';
import { flag, number, rest } from '../cli/parameters.js';
import type { ServiceEvent } from '../engine/engine.js';
import { ExitCode, UserError } from '../errors.js';
import type { Progress, ProgressMark } from '../output/progress.js';
import { serviceRow, serviceTable, serviceUrl } from '../output/service-table.js';
import { serviceList } from '../output/shapes.js';
import { count, formatDuration } from '../output/units.js';
import { type FailedService, type UpResult, up } from '../services/up.js';
import { redact } from '../system/secret.js';

export default command({
  summary: 'build what is missing, start, wait until healthy, print the URLs',
  examples: ['invctl up', 'invctl up api --build', 'invctl up --json | jq -r ".data.services[].url"'],
  args: { services: rest('service', 'only these, and what they depend on', { offers: 'services' }) },
  flags: {
    build: flag('build the images even where they exist'),
    noWait: flag('return once everything is started'),
    timeout: number('seconds', 'how long to wait until healthy', { initial: 180, above: 0 }),
    attach: flag('follow the logs afterwards; Ctrl-C leaves the project running'),
  },
  data: (z) => serviceList(z).extend({ unchanged: z.array(z.string()), seconds: z.number() }),
  async run(context, { args: { services }, flags }) {
    const started = Date.now();
    const board = await createBoard(context, !flags.noWait);
    let result: UpResult;
    try {
      result = await up(context, {
        services,
        build: flags.build,
        wait: !flags.noWait,
        timeoutMs: flags.timeout * 1000,
        onEvent: board.show,
      });
    } finally {
      board.stop();
    }
    if (result.failed.length > 0) throw notHealthy(result);
    if (flags.attach && !context.settings.json) {
      context.output.print(report(context, result, started));
      const { followLogs } = await import('./logs.js');
      await followLogs(context, services);
      return {};
    }
    return {
      data: {
        engine: result.engine.kind,
        project: result.project,
        services: result.services.map((status) => serviceRow(status, result.seconds[status.name])),
        unchanged: result.unchanged,
        seconds: (Date.now() - started) / 1000,
      },
      text: report(context, result, started),
    };
  },
});

function report(context: Context, result: UpResult, started: number): string {
  const { style } = context.output;
  const lines = [serviceTable(result.services, style, new Date()), ''];
  const engine =
    result.engine.kind === 'docker'
      ? `Docker ${result.engine.version}`
      : `the embedded engine (PostgreSQL ${result.engine.version})`;
  lines.push(
    result.unchanged.length === result.services.length
      ? `${style.bold(result.project)} was already up on ${engine}; nothing was changed`
      : `${style.bold(result.project)} is up on ${engine} after ${formatDuration(Date.now() - started)}`,
  );
  for (const status of result.services) {
    const url = serviceUrl(status);
    if (url) lines.push(`${status.name}: ${style.cyan(url)}`);
    if (url && result.login?.service === status.name) {
      const file = relative(process.cwd(), result.login.passwordFile);
      lines.push(`log in there as ${style.bold(result.login.user)}, with the password in ${file}`);
    }
  }
  return lines.join('\n');
}

interface Board {
  show: (event: ServiceEvent) => void;
  stop: () => void;
}

const MARKS: Record<ServiceEvent['phase'], ProgressMark> = {
  building: 'working',
  created: 'working',
  starting: 'working',
  running: 'done',
  healthy: 'done',
  completed: 'done',
  failed: 'failed',
};

/** One line a service, from created to ready, with a clock that runs while it is on its way. */
async function createBoard(context: Context, wait: boolean): Promise<Board> {
  const progress: Progress = await context.output.progress();
  const startedMs = Date.now();
  let width = 0;
  const show = (event: ServiceEvent) => {
    if (event.output !== undefined && !progress.live) return;
    width = Math.max(width, event.service.length);
    const name = event.service.padEnd(width);
    const detail = describeDetail(event);
    const atWork = MARKS[event.phase] === 'working' && wait;
    const line = (milliseconds: number) =>
      `${name}  ${event.phase.padEnd(9)} ${formatDuration(milliseconds).padStart(7)}${detail}`;
    const mark = wait || event.phase !== 'starting' ? MARKS[event.phase] : 'done';
    progress.set(
      event.service,
      mark,
      atWork && process.stderr.isTTY ? () => line(Date.now() - startedMs) : line(event.elapsedMs),
    );
  };
  return { show, stop: progress.stop };
}

/** The progress display cuts it to the terminal's width: what a step prints is worth more than the end of a long step. */
function describeDetail({ detail, output }: ServiceEvent): string {
  if (!detail) return '';
  if (output === undefined) return `  ${detail.slice(0, 60)}`;
  return `  ${detail.length > 24 ? `${detail.slice(0, 23)}…` : detail}  ${redact(output)}`;
}

const REASONS: Record<FailedService['reason'], string> = {
  exited: 'ended',
  unhealthy: 'is unhealthy',
  restarting: 'keeps crashing and is started again',
  timeout: 'was not healthy in time',
  dependency: 'was not started',
};

function notHealthy(result: UpResult): UserError {
  const roots = result.failed.filter(({ reason }) => reason !== 'dependency');
  const shown = roots.length > 0 ? roots : result.failed;
  const blocks = shown.map((failed) => {
    const { status } = failed;
    const how = `${REASONS[failed.reason]}${status.exitCode === undefined ? '' : ` with exit code ${status.exitCode}`}`;
    return [
      `"${status.name}" ${how}${failed.cause ? `: ${failed.cause.message}` : ''}`,
      ...(failed.healthOutput
        ? [`  health check: ${redact(failed.healthOutput).split('\n').slice(-3).join('\n    ')}`]
        : []),
      ...(failed.lastLines.length > 0
        ? ['  last log lines:', ...failed.lastLines.map((line) => `    ${redact(line).slice(0, 200)}`)]
        : []),
    ].join('\n');
  });
  const first = shown[0];
  return new UserError({
    code: 'NOT_HEALTHY',
    message: `${count(shown.length, 'service')} of "${result.project}" did not become healthy\n${blocks.join('\n')}`,
    hint: first?.cause?.next ?? `invctl logs ${first?.status.name ?? ''} --tail 100`,
    exitCode: ExitCode.unhealthy,
    details: {
      engine: result.engine.kind,
      services: result.services.map((status) => serviceRow(status, result.seconds[status.name])),
      failed: result.failed.map(({ status, reason, cause, healthOutput, lastLines }) => ({
        service: status.name,
        reason,
        ...(cause ? { check: cause.check, cause: cause.message, next: cause.next } : {}),
        ...(healthOutput ? { healthOutput: redact(healthOutput) } : {}),
        lastLines: lastLines.map(redact),
      })),
    },
  });
}
