import http from 'node:http';
import https from 'node:https';
import { VERSION } from '../package.js';
import { type Destinations, RefusedAddressError } from './addresses.js';
import { type Message, signatureHeaders } from './signature.js';

/** For a receiver to answer, from the connection on. */
export const ANSWER_LIMIT_MS = 10_000;
/** Of an answer that is read to keep its connection. Its content is of no interest. */
const BODY_LIMIT_BYTES = 64 * 1024;

/** One attempt to tell a receiver. */
export interface Attempt {
  readonly delivered: boolean;
  /** Nothing where there was no answer. */
  readonly status: number | null;
  readonly error: string | null;
  readonly durationMs: number;
}

/** Sends messages to receivers, of which nothing is expected: they may hang, redirect, or answer without end. */
export class Sender {
  readonly #destinations: Destinations;
  readonly #answerLimitMs: number;
  readonly #agents = {
    'http:': new http.Agent({ keepAlive: true }),
    'https:': new https.Agent({ keepAlive: true }),
  };

  constructor(destinations: Destinations, { answerLimitMs = ANSWER_LIMIT_MS } = {}) {
    this.#destinations = destinations;
    this.#answerLimitMs = answerLimitMs;
  }

  /** Tells a receiver once. Any 2xx says that it was taken; redirects are not followed. Never throws. */
  async send(url: string, secrets: readonly string[], message: Message, stop: AbortSignal): Promise<Attempt> {
    const started = performance.now();
    const signal = AbortSignal.any([AbortSignal.timeout(this.#answerLimitMs), stop]);
    const outcome = (status: number | null, error: string | null): Attempt => ({
      delivered: error === null,
      status,
      error,
      durationMs: Math.round(performance.now() - started),
    });
    try {
      const status = await this.#post(new URL(url), secrets, message, signal);
      return outcome(status, status >= 200 && status < 300 ? null : refusalText(status));
    } catch (error) {
      return outcome(null, this.#reason(error, signal));
    }
  }

  close(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }

  #post(url: URL, secrets: readonly string[], message: Message, signal: AbortSignal): Promise<number> {
    this.#destinations.check(url);
    const body = Buffer.from(message.body);
    const secure = url.protocol === 'https:';
    return new Promise((resolve, reject) => {
      const request = (secure ? https : http).request(url, {
        method: 'POST',
        agent: this.#agents[secure ? 'https:' : 'http:'],
        lookup: this.#destinations.lookup(url),
        signal,
        headers: {
          'content-type': 'application/json',
          'content-length': body.length,
          'user-agent': `inventory-api/${VERSION}`,
          ...signatureHeaders(message, secrets, new Date()),
        },
      });
      request.on('error', reject);
      request.on('response', (response) => {
        // What becomes of the rest changes nothing.
        response.on('error', () => {});
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > BODY_LIMIT_BYTES) response.destroy();
        });
        resolve(response.statusCode ?? 0);
      });
      request.end(body);
    });
  }

  /** In words that tell nothing of the receiver but why it was not reached. */
  #reason(error: unknown, signal: AbortSignal): string {
    if (error instanceof RefusedAddressError) return error.message;
    if (signal.aborted) return `no answer within ${this.#answerLimitMs / 1000} s`;
    const { code, errors } = error as NodeJS.ErrnoException & { errors?: NodeJS.ErrnoException[] };
    return `the receiver cannot be reached (${code ?? errors?.[0]?.code ?? 'unknown'})`;
  }
}

function refusalText(status: number): string {
  return status >= 300 && status < 400
    ? `the receiver answered ${status}: redirects are not followed`
    : `the receiver answered ${status}`;
}
