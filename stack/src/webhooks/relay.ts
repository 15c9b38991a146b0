import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Claim, Lease, PendingEvent, Webhooks } from '../repositories/webhooks.js';
import { ANSWER_LIMIT_MS, type Attempt, type Sender } from './sender.js';

const POLL_MS = 1000;
/** Where there is no webhook. */
const IDLE_POLL_MS = 5000;
/** Changes that come together are looked for once. */
const WAKE_DELAY_MS = 20;
/** Longer than an answer may take, so that no other process sends what this one is sending. */
const LEASE_MARGIN_MS = 10_000;
const CLAIMS_AT_ONCE = 10;
/** The wait after the first failure; it doubles with each. */
const FIRST_WAIT_SECONDS = 1;
const LONGEST_WAIT_SECONDS = 600;
/** Then an event is given up, and the next one follows: one that a receiver never takes may not hold up all others. */
const GIVE_UP_SECONDS = 24 * 3600;
/** For what is being sent when the API stops. */
const STOP_GRACE_MS = 3000;

export interface RelayLog {
  info(what: object, message: string): void;
  warn(what: object, message: string): void;
}

export interface RelayOptions {
  readonly webhooks: Webhooks;
  readonly sender: Sender;
  readonly log: RelayLog;
  /** Told of each attempt. */
  readonly onAttempt?: (outcome: 'delivered' | 'failed' | 'given_up') => void;
  readonly pollMs?: number;
  readonly leaseMs?: number;
  readonly firstWaitSeconds?: number;
}

/**
 * Delivers events from the outbox: to each webhook one after the other, in the order of the changes, and each until the
 * receiver takes it. As many processes as there are may do that at once: a webhook is leased to one of them, and
 * the lease of a process that was killed runs out. An event may be sent twice then; none is left out.
 */
export class Relay {
  readonly #webhooks: Webhooks;
  readonly #sender: Sender;
  readonly #log: RelayLog;
  readonly #onAttempt: (outcome: 'delivered' | 'failed' | 'given_up') => void;
  readonly #pollMs: number;
  readonly #firstWaitSeconds: number;
  readonly #lease: Lease;
  readonly #stopping = new AbortController();
  readonly #aborting = new AbortController();
  readonly #serving = new Map<number, Promise<void>>();
  #wake: AbortController | undefined;
  #running: Promise<void> | undefined;
  #failed = false;

  constructor(options: RelayOptions) {
    this.#webhooks = options.webhooks;
    this.#sender = options.sender;
    this.#log = options.log;
    this.#onAttempt = options.onAttempt ?? (() => {});
    this.#pollMs = options.pollMs ?? POLL_MS;
    this.#firstWaitSeconds = options.firstWaitSeconds ?? FIRST_WAIT_SECONDS;
    const leaseMs = options.leaseMs ?? ANSWER_LIMIT_MS + LEASE_MARGIN_MS;
    this.#lease = { holder: randomUUID(), seconds: leaseMs / 1000 };
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Has it look now rather than at its next time. */
  wake(): void {
    // Every change comes here, and abort() makes an error with its stack even where it has nothing to do.
    if (this.#wake?.signal.aborted === false) this.#wake.abort();
  }

  /** Takes nothing more up, and gives what is being sent a moment. What was not taken is sent by whoever comes next. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.wake();
    const grace = setTimeout(() => this.#aborting.abort(), STOP_GRACE_MS);
    await this.#running;
    await Promise.all(this.#serving.values());
    clearTimeout(grace);
    this.#sender.close();
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#wake = new AbortController();
      const any = await this.#look();
      const { signal } = this.#wake;
      const wait = any ? this.#pollMs : IDLE_POLL_MS;
      await delay(wait, undefined, { signal, ref: false }).catch(() => delay(WAKE_DELAY_MS));
    }
  }

  /** @returns whether there are webhooks at all. */
  async #look(): Promise<boolean> {
    try {
      const { any, unnumbered, due } = await this.#webhooks.work();
      const numbered = unnumbered ? await this.#webhooks.number() : 0;
      // There may be more than one takes.
      if (numbered > 0) this.wake();
      if (due || numbered > 0) {
        for (const claim of await this.#webhooks.claim(this.#lease, CLAIMS_AT_ONCE)) this.#serve(claim);
      }
      if (this.#failed) this.#log.info({}, 'webhooks are delivered again');
      this.#failed = false;
      return any || unnumbered;
    } catch (error) {
      if (!this.#failed) this.#log.warn({ err: error }, 'webhooks cannot be delivered now');
      this.#failed = true;
      return true;
    }
  }

  #serve(claim: Claim): void {
    const work = this.#deliver(claim)
      .catch((error: unknown) => {
        // The lease runs out by itself.
        this.#log.warn({ err: error, webhook: claim.id }, 'a webhook was left for later');
      })
      .finally(() => {
        if (this.#serving.get(claim.id) === work) this.#serving.delete(claim.id);
        // What was numbered since its last look.
        this.wake();
      });
    this.#serving.set(claim.id, work);
  }

  /** Everything that waits for one webhook, one after the other. */
  async #deliver(claim: Claim): Promise<void> {
    let { position, attempts, failingSeconds } = claim;
    for (;;) {
      const { head, events } = await this.#webhooks.pending({ events: claim.events, position });
      if (events.length === 0) return this.#webhooks.release(claim, this.#lease, position, head);
      for (const event of events) {
        if (this.#stopping.signal.aborted) {
          return this.#webhooks.release(claim, this.#lease, position, position);
        }
        const attempt = await this.#send(claim, event);
        // What was cut off by the stop is no answer of the receiver.
        if (!attempt.delivered && this.#aborting.signal.aborted) {
          return this.#webhooks.release(claim, this.#lease, position, position);
        }
        const number = attempts + 1;
        const over = failingSeconds > GIVE_UP_SECONDS;
        const outcome = attempt.delivered ? 'delivered' : over ? 'given_up' : 'failed';
        this.#onAttempt(outcome);
        if (outcome === 'failed') {
          const seconds = waitSeconds(number, this.#firstWaitSeconds);
          const noted = { attempt, outcome, number, seconds } as const;
          return this.#webhooks.postpone(claim, this.#lease, position, event, noted);
        }
        if (outcome === 'given_up') {
          const { error } = attempt;
          this.#log.warn({ webhook: claim.id, event: event.eventId, error }, 'an event was given up');
        }
        const noted = { attempt, outcome, number } as const;
        if (!(await this.#webhooks.advance(claim, this.#lease, position, event, noted))) {
          return this.#webhooks.release(claim, this.#lease, position, position);
        }
        position = event.sequence;
        attempts = 0;
        failingSeconds = 0;
      }
    }
  }

  #send({ url, secrets }: Claim, { eventId, body }: PendingEvent): Promise<Attempt> {
    return this.#sender.send(url, secrets, { id: eventId, body }, this.#aborting.signal);
  }
}

/**
 * How long to wait after so many failures: longer each time, and never the same for all, so that a receiver that comes
 * back is not asked by everybody at once.
 *
 * @param first the wait after the first, in seconds.
 */
export function waitSeconds(failures: number, first = FIRST_WAIT_SECONDS): number {
  const wait = Math.min(first * 2 ** (failures - 1), LONGEST_WAIT_SECONDS);
  return wait * (1 + Math.random() / 5);
}
