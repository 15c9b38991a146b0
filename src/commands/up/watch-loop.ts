import wrapAnsi from 'wrap-ansi';
import type { Context } from '../../cli/context.js';
import { serviceUrl } from '../../engine/service-url.js';
import type { UserError } from '../../errors.js';
import { serviceRow } from '../../output/service-table.js';
import { count, formatDuration } from '../../output/units.js';
import { insideProject } from '../../project/paths.js';
import type { UpResult } from '../../services/up.js';
import { type WatchEvent, type WatchInput, watch } from '../../services/watch.js';
import { type Board, createBoard } from './board.js';
import { notHealthy } from './not-healthy.js';

const FILES_SHOWN = 3;

/** Reports each change until Ctrl-C: as lines on stdout, or as one JSON document per line. */
export async function watchLoop(
  context: Context,
  input: Omit<WatchInput, 'onEvent'>,
): Promise<{ interrupted: true }> {
  const show = context.output.json ? jsonLines(context) : lines(context);
  try {
    await watch(context, { ...input, onEvent: show });
  } finally {
    show.stop();
  }
  return { interrupted: true };
}

type Show = ((event: WatchEvent) => void) & { stop(): void };

function lines(context: Context): Show {
  const { output } = context;
  const { style } = output;
  let board: Promise<Board> | undefined;
  let queue = Promise.resolve();
  const say = async (event: WatchEvent): Promise<void> => {
    if (event.kind === 'progress') {
      board ??= createBoard(context, true);
      (await board).show(event.event);
      return;
    }
    if (event.kind === 'not-built') (await board)?.fail();
    (await board)?.stop();
    board = undefined;
    const text = describe(context, event);
    if (text !== '') output.print(wrap(`${style.dim(clock())}  ${text}`, output.columns));
  };
  const show = (event: WatchEvent) => {
    queue = queue.then(() => say(event));
  };
  return Object.assign(show, {
    stop: () => {
      void queue.then(async () => (await board)?.stop());
    },
  });
}

function describe(context: Context, event: Exclude<WatchEvent, { kind: 'progress' }>): string {
  const { style } = context.output;
  switch (event.kind) {
    case 'watching':
      return `watching ${list(context, event.folders)} for ${event.services.join(', ')}; Ctrl-C ends it, the project stays up`;
    case 'changed':
      return `${list(context, event.files)} changed`;
    case 'unchanged':
      return style.dim('nothing that enters a build has changed');
    case 'waiting':
      return style.yellow(`waiting: ${event.error.message}`);
    case 'served':
      return served(event.result, event.seconds, context);
    case 'not-built':
      return `${style.red('✗')} ${problem(context, event.error)}\n${style.dim('what ran before goes on; the next change is tried again')}`;
    case 'checked':
      return style.dim('checked');
    case 'not-checked':
      return `${style.red('✗')} ${problem(context, event.error)}\n${style.dim('what was served runs; `invctl up` does not build it until that is mended')}`;
    case 'unhealthy':
      return `${style.red('✗')} ${notHealthy(event.result).message}`;
  }
}

function served(result: UpResult, seconds: number, { output: { style } }: Context): string {
  const changed = result.services.filter(({ name }) => !result.unchanged.includes(name));
  const each = changed.map((status) => {
    const url = serviceUrl(status);
    return url === undefined ? status.name : `${status.name} at ${style.cyan(url)}`;
  });
  return `${style.green('✓')} served after ${formatDuration(seconds * 1000)}: ${each.join(', ')}`;
}

/** `stack/src/app.ts:7: error TS2322: …` */
function problem(context: Context, { file, line, message, details }: UserError): string {
  const reason = typeof details?.reason === 'string' ? details.reason : message;
  if (file === undefined) return reason;
  return `${shown(context, file)}${line === undefined ? '' : `:${line}`}: ${reason}`;
}

function list(context: Context, paths: readonly string[]): string {
  const names = paths.map((path) => shown(context, path));
  if (names.length <= FILES_SHOWN) return names.join(', ');
  return `${names.slice(0, FILES_SHOWN).join(', ')} and ${count(names.length - FILES_SHOWN, 'more', 'more')}`;
}

function shown(context: Context, path: string): string {
  return insideProject(context.project().directory, path);
}

/** Wraps for a terminal; for a script each message stays one line. */
function wrap(text: string, columns: number): string {
  return process.stdout.isTTY ? wrapAnsi(text, columns, { trim: false }) : text;
}

function clock(): string {
  return new Date().toTimeString().slice(0, 8);
}

function jsonLines({ output }: Context): Show {
  const show = (event: WatchEvent) => {
    if (event.kind === 'progress') return;
    output.printLine(JSON.stringify({ time: new Date().toISOString(), ...document(event) }));
  };
  return Object.assign(show, { stop: () => {} });
}

function document(event: Exclude<WatchEvent, { kind: 'progress' }>): Record<string, unknown> {
  switch (event.kind) {
    case 'watching':
      return { event: event.kind, services: event.services, folders: event.folders };
    case 'changed':
      return { event: event.kind, files: event.files };
    case 'unchanged':
    case 'checked':
      return { event: event.kind };
    case 'served':
      return { event: event.kind, seconds: event.seconds, services: rows(event.result) };
    case 'unhealthy':
      return { event: event.kind, services: rows(event.result), error: errorOf(notHealthy(event.result)) };
    case 'not-built':
    case 'not-checked':
    case 'waiting':
      return { event: event.kind, error: errorOf(event.error) };
  }
}

function rows({ services, unchanged }: UpResult) {
  return services.filter(({ name }) => !unchanged.includes(name)).map((status) => serviceRow(status));
}

function errorOf({ code, message, file, line }: UserError) {
  return {
    code,
    message,
    ...(file === undefined ? {} : { file }),
    ...(line === undefined ? {} : { line }),
  };
}
