import type { Context } from '../../cli/context.js';
import type { ServiceEvent } from '../../engine/engine.js';
import type { Progress, ProgressMark } from '../../output/progress.js';
import { formatDuration } from '../../output/units.js';
import { redact } from '../../system/secret.js';

/** Shows services while they start. */
export interface Board {
  show: (event: ServiceEvent) => void;
  /** Marks the current steps as failed. */
  fail: () => void;
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

/** Where lines do not change in place: how often a service that is still at work says so. */
const STILL_MS = 60_000;

/**
 * Shows one line per service, from created to ready, with a clock while it is starting. Where lines do not
 * change in place, such as in the log of a pipeline, a step that goes on and on is shown each minute.
 */
export async function createBoard(context: Context, wait: boolean): Promise<Board> {
  const progress: Progress = await context.output.progress();
  const startedMs = Date.now();
  let width = 0;
  const atWork = new Map<string, ServiceEvent>();
  const lineOf = (event: ServiceEvent, milliseconds: number) =>
    `${event.service.padEnd(width)}  ${event.phase.padEnd(9)} ${formatDuration(milliseconds).padStart(7)}${describeDetail(event)}`;
  const show = (event: ServiceEvent) => {
    if (event.output !== undefined && !progress.live) {
      if (atWork.has(event.service)) atWork.set(event.service, event);
      return;
    }
    width = Math.max(width, event.service.length);
    const isAtWork = MARKS[event.phase] === 'working' && wait;
    if (isAtWork) atWork.set(event.service, event);
    else atWork.delete(event.service);
    const mark = wait || event.phase !== 'starting' ? MARKS[event.phase] : 'done';
    progress.set(
      event.service,
      mark,
      isAtWork && process.stderr.isTTY
        ? () => lineOf(event, Date.now() - startedMs)
        : lineOf(event, event.elapsedMs),
    );
  };
  const sayStill = () => {
    for (const event of atWork.values()) {
      progress.set(event.service, 'working', lineOf(event, Date.now() - startedMs));
    }
  };
  const timer = progress.live ? undefined : setInterval(sayStill, STILL_MS).unref();
  const fail = () => {
    for (const { service, phase, elapsedMs } of atWork.values()) {
      const time = formatDuration(elapsedMs).padStart(7);
      progress.set(service, 'failed', `${service.padEnd(width)}  ${phase.padEnd(9)} ${time}`);
    }
  };
  const stop = () => {
    clearInterval(timer);
    progress.stop();
  };
  return { show, fail, stop };
}

/**
 * The progress display cuts the line to the terminal's width, so the output comes before the end of a long
 * step.
 */
function describeDetail({ detail, output }: ServiceEvent): string {
  if (!detail) return '';
  if (output === undefined) return `  ${detail.slice(0, 60)}`;
  return `  ${detail.length > 24 ? `${detail.slice(0, 23)}…` : detail}  ${redact(output)}`;
}
