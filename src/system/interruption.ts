import { ExitCode } from '../errors.js';

type Forward = (signal: NodeJS.Signals) => void;

/** How this process reacts to SIGINT, SIGTERM and SIGHUP. */
export interface Interruption {
  /** Aborted by the first of these signals. */
  readonly signal: AbortSignal;
  /** 130, 143 or 129, as a shell reports it. */
  exitCode(): number;
  /**
   * Leaves the terminal to a child until the returned function is called. Ctrl-C reaches the child directly
   * (same process group) and the child handles it, as psql does; the other signals are forwarded to it.
   */
  handOver(forward: Forward): () => void;
  stop(): void;
}

const EXIT_CODES = { SIGINT: ExitCode.interrupted, SIGTERM: ExitCode.terminated, SIGHUP: 129 } as const;

/** The first signal requests a stop; a second one ends the process immediately. */
export function watchSignals(): Interruption {
  const controller = new AbortController();
  let code: number = ExitCode.interrupted;
  let child: Forward | undefined;
  const watched = Object.keys(EXIT_CODES) as (keyof typeof EXIT_CODES)[];
  const handler = (name: NodeJS.Signals) => {
    if (child) {
      if (name !== 'SIGINT') child(name);
      return;
    }
    code = EXIT_CODES[name as keyof typeof EXIT_CODES];
    if (controller.signal.aborted) process.exit(code);
    controller.abort();
  };
  for (const name of watched) process.on(name, handler);
  return {
    signal: controller.signal,
    exitCode: () => code,
    handOver(forward) {
      child = forward;
      return () => {
        child = undefined;
      };
    },
    stop() {
      for (const name of watched) process.off(name, handler);
    },
  };
}
