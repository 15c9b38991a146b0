import type { Progress } from './progress.js';
import { formatBytes, formatDuration } from './units.js';

export interface TransferState {
  bytes: number;
  /** Expected final number of bytes, if it is known. */
  expected?: number;
}

/**
 * A progress line for transferred bytes: how many, how fast, how much time is left. If lines do not change in
 * place, only the final one appears.
 */
export class TransferLine {
  readonly #progress: Progress;
  readonly #started = Date.now();
  #label = '';
  #phaseStarted = Date.now();
  #phaseBytes = 0;
  #state: TransferState = { bytes: 0 };

  constructor(progress: Progress) {
    this.#progress = progress;
  }

  /** @param label what happens to the bytes; a new label restarts the clock. */
  show(label: string, state: TransferState): void {
    this.#state = state;
    if (!this.#progress.live || this.#label === label) return;
    this.#label = label;
    this.#phaseStarted = Date.now();
    this.#phaseBytes = state.bytes;
    this.#progress.set('transfer', 'working', () =>
      describeTransfer(label, this.#state, Date.now() - this.#phaseStarted, this.#phaseBytes),
    );
  }

  /** Releases the terminal; the next `show` takes it back. */
  pause(): void {
    this.#label = '';
    this.#progress.stop();
  }

  done(text: string): void {
    this.#progress.set('transfer', 'done', `${text} (${formatDuration(Date.now() - this.#started)})`);
    this.#progress.stop();
  }

  failed(text: string): void {
    if (this.#progress.live) this.#progress.set('transfer', 'failed', text);
    this.#progress.stop();
  }
}

/**
 * Returns `dump 120 MB of about 350 MB, 80 MB/s, 3 s left`; `compare 3 s` if no bytes are transferred.
 * @param bytesBefore the value of `bytes` at the beginning.
 */
export function describeTransfer(
  label: string,
  { bytes, expected }: TransferState,
  elapsedMs: number,
  bytesBefore = 0,
): string {
  const moved = bytes - bytesBefore;
  const long = elapsedMs >= 1000;
  if (moved <= 0) return long ? `${label}  ${formatDuration(elapsedMs)}` : label;
  const parts = [`${label}  ${formatBytes(bytes)}`];
  const left = expected === undefined ? 0 : expected - bytes;
  if (left > 0) parts[0] += ` of about ${formatBytes(expected as number)}`;
  if (long) {
    const rate = (moved / elapsedMs) * 1000;
    parts.push(`${formatBytes(rate)}/s`);
    if (left > 0) parts.push(`${formatDuration((left / rate) * 1000)} left`);
  }
  return parts.join(', ');
}
