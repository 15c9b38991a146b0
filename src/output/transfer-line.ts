import type { Progress } from './progress.js';
import { formatBytes, formatDuration } from './units.js';

export interface TransferState {
  bytes: number;
  /** Bytes that it will be in the end, as far as anybody knows. */
  expected?: number;
}

/**
 * A line of a progress display for bytes that flow: how many, how fast, how long to go. Where lines do not change
 * in place, only the last word appears.
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

  /** @param label what happens to the bytes; a new one starts a new clock. */
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

  /** Gives the terminal to somebody else; the next `show` takes it back. */
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
 * `dump  120 MB of about 350 MB, 80 MB/s, 3 s left`; `compare  3 s` where no bytes flow.
 *
 * @param bytesBefore what `bytes` was when this began.
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
