import type { WriteStream } from 'node:tty';

const WIDTH = 30;
const INTERVAL_MS = 100;

/** A bar on a terminal, redrawn ten times a second; nothing anywhere else. */
export class Progress {
  readonly #out: WriteStream;
  readonly #total: number;
  readonly #started = performance.now();
  #drawn = Number.NEGATIVE_INFINITY;
  #done = 0;

  /** @param total what `done` will be at the end. */
  constructor(out: WriteStream, total: number) {
    this.#out = out;
    this.#total = total;
  }

  /** Moves the bar on; never back. */
  advance(done: number, rows: number): void {
    this.#done = Math.max(this.#done, done);
    const now = performance.now();
    if (!this.#out.isTTY || now - this.#drawn < INTERVAL_MS) return;
    this.#drawn = now;
    const part = Math.min(1, this.#done / this.#total);
    const bar = '#'.repeat(Math.round(part * WIDTH)).padEnd(WIDTH, '-');
    const rate = Math.round((rows / (now - this.#started)) * 1000);
    const text = `[${bar}] ${String(Math.floor(part * 100)).padStart(3)} %  ${rows} lines, ${rate}/s`;
    this.#out.write(`\r${text}\u001b[K`);
  }

  /** Removes the bar, so that what is written next has its line. */
  clear(): void {
    if (this.#out.isTTY) this.#out.write('\r\u001b[K');
  }
}
