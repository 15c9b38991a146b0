import { stripVTControlCharacters } from 'node:util';
import type { createLogUpdate } from 'log-update';
import type { Style } from './style.js';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;

export type ProgressMark = 'working' | 'done' | 'failed';

/**
 * Lines that show the progress of a long job. On a terminal they change in place; on a pipe each change is a
 * new line.
 */
export interface Progress {
  /** True if lines change in place, so that changing figures can be shown. */
  readonly live: boolean;
  /**
   * Shows or replaces the line of `key`.
   * @param text a function is called again at every frame, for a running clock. On a pipe it prints nothing.
   */
  set(key: string, mark: ProgressMark, text: string | (() => string)): void;
  /** Prints permanent text above the changing lines. */
  above(text: string): void;
  /** Leaves the lines as they are and releases the terminal. It can be called twice. */
  stop(): void;
}

export const silentProgress: Progress = { live: false, set: () => {}, above: () => {}, stop: () => {} };

/** Prints one line per change: for pipes, logs and dumb terminals. */
export function createPlainProgress(stream: NodeJS.WritableStream, style: Style): Progress {
  const printed = new Map<string, string>();
  return {
    live: false,
    set(key, mark, text) {
      if (typeof text === 'function') return;
      const line = `${symbol(mark, style, '-')} ${text}`;
      if (printed.get(key) === line) return;
      printed.set(key, line);
      stream.write(`${line}\n`);
    },
    above(text) {
      stream.write(`${text}\n`);
    },
    stop() {},
  };
}

/** Redraws lines in place, with a spinner before those in work. */
export async function createLiveProgress(stream: NodeJS.WriteStream, style: Style): Promise<Progress> {
  const { createLogUpdate: create } = await import('log-update');
  const draw: ReturnType<typeof createLogUpdate> = create(stream);
  const lines = new Map<string, { mark: ProgressMark; text: string | (() => string) }>();
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;
  const render = () => {
    const spinner = style.cyan(FRAMES[frame++ % FRAMES.length] as string);
    const room = (stream.columns ?? Number.POSITIVE_INFINITY) - 2;
    draw(
      [...lines.values()]
        .map(({ mark, text }) => {
          const shown = typeof text === 'function' ? text() : text;
          return `${symbol(mark, style, spinner)} ${cutToWidth(shown, room)}`;
        })
        .join('\n'),
    );
  };
  return {
    live: true,
    set(key, mark, text) {
      lines.set(key, { mark, text });
      // A build prints faster than anybody can read, so running lines are redrawn only at the next frame.
      if (timer && mark === 'working') return;
      if (!timer) {
        timer = setInterval(render, FRAME_MS);
        timer.unref();
      }
      render();
    },
    above(text) {
      if (lines.size > 0) draw.clear();
      stream.write(`${text}\n`);
      if (lines.size > 0) render();
    },
    stop() {
      clearInterval(timer);
      timer = undefined;
      if (lines.size === 0) return;
      render();
      draw.done();
      lines.clear();
    },
  };
}

/**
 * Cuts a text to one line, because a line that is redrawn in place must not wrap. A cut line loses its
 * colours.
 */
function cutToWidth(text: string, columns: number): string {
  const plain = stripVTControlCharacters(text);
  return plain.length <= columns ? text : `${plain.slice(0, columns - 1)}…`;
}

function symbol(mark: ProgressMark, style: Style, working: string): string {
  if (mark === 'done') return style.green('✓');
  if (mark === 'failed') return style.red('✗');
  return working;
}
