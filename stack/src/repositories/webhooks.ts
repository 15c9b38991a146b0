import type { Database } from '../database/database.js';
import { notFound } from '../problem.js';
import type { Attempt } from '../webhooks/sender.js';
import { newSecret } from '../webhooks/signature.js';
import { type Actor, audited } from './audit.js';
import { listPage, type Page } from './keyset.js';
import { type Fields, type Versioned, VersionedTable } from './versioned-table.js';

/** Only so many are counted of what waits for a receiver. */
export const PENDING_COUNTED = 10_000;
/** For so long does the secret before the last one sign as well. */
export const PREVIOUS_SECRET_HOURS = 24;
/** How long events can be sent again, and attempts be looked at. What is older is removed, sent or not. */
export const EVENT_DAYS = 7;

const SHOWN = `id, url, events, active, attempts, failing_since, CASE WHEN attempts > 0 THEN next_attempt_at END AS next_attempt_at,
  last_error, last_delivered_at,
  (SELECT count(*) FROM (SELECT FROM webhook_events WHERE sequence > position AND type = ANY (events) LIMIT ${PENDING_COUNTED}) AS waiting)
    AS pending,
  version, created_at, updated_at`;
const ROW = `id, version, row_to_json((SELECT shown FROM (SELECT ${SHOWN}) AS shown))::text AS json`;

/** The last number that was given. */
const HEAD = 'SELECT coalesce(max(sequence), 0) FROM webhook_events';
/** 'whok' in ASCII: one process at a time gives numbers. */
const NUMBERING_LOCK = 0x77686f6b;
const NUMBERED_AT_ONCE = 1000;
const EVENTS_AT_ONCE = 20;

/** A webhook whose events this process alone delivers for now. */
export interface Claim {
  readonly id: number;
  readonly version: number;
  readonly url: string;
  readonly secrets: readonly string[];
  readonly events: readonly string[];
  readonly position: number;
  /** Attempts at the next event that have failed. */
  readonly attempts: number;
  /** Since the first of them; 0 without one. */
  readonly failingSeconds: number;
}

export interface PendingEvent {
  readonly sequence: number;
  readonly eventId: string;
  readonly type: string;
  /** What is sent, as JSON text: the same at every attempt. */
  readonly body: string;
}

export interface Lease {
  readonly holder: string;
  readonly seconds: number;
}

/** Webhooks, the outbox, and what became of its events. */
export class Webhooks extends VersionedTable {
  constructor(database: Database) {
    super(database, 'webhooks', 'webhook', SHOWN);
  }

  /** @returns the webhook and its secret, which is shown this once. It is told of what happens from now on. */
  async add(
    { url, events, active }: { url: string; events: readonly string[]; active: boolean },
    by: Actor,
  ): Promise<Versioned & { readonly secret: string }> {
    const secret = newSecret();
    const [row] = await audited<Versioned & Record<string, unknown>>(this.database, {
      by,
      action: 'create',
      entity: this.entity,
      change: `INSERT INTO webhooks (url, events, active, secret, position)
               VALUES ($1, $2, $3, $4, (${HEAD})) RETURNING *`,
      values: [url, [...new Set(events)], active, secret],
      answer: ROW,
    });
    if (!row) throw new Error('INSERT returned no row');
    return { ...row, secret };
  }

  async count(): Promise<number> {
    const [row] = await this.database.query<{ count: number }>({ text: 'SELECT count(*) FROM webhooks' });
    return row?.count ?? 0;
  }

  /** Changes a webhook, and has what waits tried at once. Errors as for `update`. */
  revise(id: number, versions: readonly number[] | null, fields: Fields, by: Actor): Promise<Versioned> {
    const anew = { attempts: 0, failing_since: null, next_attempt_at: new Date() };
    return this.update(id, versions, { ...fields, ...anew }, by);
  }

  /** Replaces the secret; the one before signs as well for a day. @throws {Problem} 404. */
  async rotateSecret(id: number, by: Actor): Promise<Versioned & { readonly secret: string }> {
    const secret = newSecret();
    const row = await this.#change(
      'rotate-secret',
      by,
      `UPDATE webhooks SET previous_secret = secret, secret = $2, version = version + 1, updated_at = now(),
         previous_secret_until = now() + make_interval(hours => ${PREVIOUS_SECRET_HOURS})
       WHERE id = $1 RETURNING *`,
      [id, secret],
    );
    return { ...row, secret };
  }

  /** Has events from a time on sent again. What is still to be sent stays so. @throws {Problem} 404. */
  replay(id: number, from: string, by: Actor): Promise<Versioned> {
    return this.#change(
      'replay',
      by,
      `UPDATE webhooks SET attempts = 0, failing_since = NULL, next_attempt_at = now(), position = least(position,
         (SELECT min(sequence) - 1 FROM webhook_events WHERE occurred_at >= $2::timestamptz))
       WHERE id = $1 RETURNING *`,
      [id, from],
    );
  }

  async #change(action: string, by: Actor, change: string, values: readonly unknown[]): Promise<Versioned> {
    const [row] = await audited<Versioned & Record<string, unknown>>(this.database, {
      by,
      action,
      entity: this.entity,
      change,
      values,
      answer: ROW,
    });
    if (!row) throw notFound(this.entity);
    return row;
  }

  /** Attempts, the newest first. */
  deliveries(
    id: number,
    limit: number,
    after: { readonly key: string | number; readonly id: number } | undefined,
  ): Promise<Page> {
    return listPage(this.database, {
      table: 'webhook_deliveries',
      shown: 'id, event_id, type, outcome, attempt, status, error, duration_ms, at',
      column: 'id',
      descending: true,
      limit,
      after,
      conditions: [['webhook_id = ?', id]],
    });
  }

  /** Where to send, and by what it is signed. @throws {Problem} 404. */
  async target(id: number): Promise<{ readonly url: string; readonly secrets: readonly string[] }> {
    const [row] = await this.database.query<{ url: string; secrets: string[] }>(
      { text: `SELECT url, ${SECRETS} FROM webhooks WHERE id = $1` },
      [id],
    );
    if (!row) throw notFound(this.entity);
    return row;
  }

  /** Whether there are webhooks, events without a number, and a webhook that nobody delivers to though it is time. */
  async work(): Promise<{ readonly any: boolean; readonly unnumbered: boolean; readonly due: boolean }> {
    const [row] = await this.database.query<{ any: boolean; unnumbered: boolean; due: boolean }>({
      name: 'webhook-work',
      text: `SELECT EXISTS (SELECT FROM webhooks) AS any, EXISTS (SELECT FROM webhook_outbox) AS unnumbered,
               EXISTS (SELECT FROM webhooks WHERE ${DUE}) AS due`,
    });
    if (!row) throw new Error('EXISTS has one row');
    return row;
  }

  /** Gives numbers to events that were committed. @returns how many; none while another process is at it. */
  number(): Promise<number> {
    return this.database.transaction(async (session) => {
      // A statement of its own, so that the next one sees what the holder before has committed.
      const [lock] = await session.query<{ locked: boolean }>(
        { text: 'SELECT pg_try_advisory_xact_lock($1) AS locked' },
        [NUMBERING_LOCK],
      );
      if (!lock?.locked) return 0;
      const numbered = await session.query({
        text: `
          WITH taken AS (
            DELETE FROM webhook_outbox
            WHERE id IN (SELECT id FROM webhook_outbox ORDER BY id LIMIT ${NUMBERED_AT_ONCE})
            RETURNING *
          )
          INSERT INTO webhook_events (sequence, event_id, type, data, occurred_at)
          SELECT nextval('webhook_event_sequence'), event_id, type, data, occurred_at
          FROM (SELECT * FROM taken ORDER BY id) AS ordered
          RETURNING 1`,
      });
      return numbered.length;
    });
  }

  /** Takes webhooks with something to deliver, which no other process has. */
  claim({ holder, seconds }: Lease, limit: number): Promise<Claim[]> {
    return this.database.query<Claim & Record<string, unknown>>(
      {
        text: `
          UPDATE webhooks SET lease_holder = $1, leased_until = now() + make_interval(secs => $2)
          WHERE id IN (SELECT id FROM webhooks WHERE ${DUE} ORDER BY next_attempt_at LIMIT $3
            FOR UPDATE SKIP LOCKED)
          RETURNING id, version, url, ${SECRETS}, events, position, attempts,
            coalesce(extract(epoch FROM now() - failing_since), 0)::float8 AS "failingSeconds"`,
      },
      [holder, seconds, limit],
    );
  }

  /** What comes next for a webhook, and the last number that was given when there was no more. */
  async pending({ events, position }: Pick<Claim, 'events' | 'position'>): Promise<{
    readonly head: number;
    readonly events: readonly PendingEvent[];
  }> {
    const rows = await this.database.query<PendingEvent & { head: number } & Record<string, unknown>>(
      {
        text: `
          SELECT head.sequence AS head, next.* FROM (SELECT (${HEAD}) AS sequence) AS head
          LEFT JOIN LATERAL (
            SELECT sequence, event_id AS "eventId", type,
              json_build_object('type', type, 'timestamp', occurred_at, 'data', data)::text AS body
            FROM webhook_events WHERE sequence > $1 AND type = ANY ($2) ORDER BY sequence LIMIT ${EVENTS_AT_ONCE}
          ) AS next ON true
          ORDER BY next.sequence`,
      },
      [position, events],
    );
    return { head: rows[0]?.head ?? 0, events: rows.filter(({ sequence }) => sequence !== null) };
  }

  /**
   * Goes on to the next event, and keeps the webhook for it.
   *
   * @returns whether this process may go on: nothing of the webhook has been changed, and nobody else has it.
   */
  async advance(
    { id, version }: Pick<Claim, 'id' | 'version'>,
    { holder, seconds }: Lease,
    from: number,
    event: PendingEvent,
    noted: Noted,
  ): Promise<boolean> {
    const [row] = await this.database.query<{ mine: boolean }>(
      {
        name: 'webhook-advance',
        text: `
          WITH changed AS (
            UPDATE webhooks SET position = $5, attempts = 0, failing_since = NULL, last_error = $4::jsonb->>'error',
              last_delivered_at = CASE WHEN $4::jsonb->>'outcome' = 'delivered' THEN now() ELSE last_delivered_at END,
              leased_until = now() + make_interval(secs => $6)
            WHERE id = $1 AND lease_holder = $2 AND position = $3
            RETURNING id, active AND version = $7 AS mine
          ), ${NOTE}
          SELECT mine FROM changed`,
      },
      [id, holder, from, note(event, noted), event.sequence, seconds, version],
    );
    return row?.mine ?? false;
  }

  /** Lets go of a webhook whose receiver did not take an event. @param seconds until the next attempt. */
  async postpone(
    { id }: Pick<Claim, 'id'>,
    { holder }: Lease,
    from: number,
    event: PendingEvent,
    noted: Noted & { readonly seconds: number },
  ): Promise<void> {
    await this.database.query(
      {
        text: `
          WITH changed AS (
            UPDATE webhooks SET attempts = ($4::jsonb->>'attempt')::integer, last_error = $4::jsonb->>'error',
              failing_since = coalesce(failing_since, now()),
              next_attempt_at = now() + make_interval(secs => $5), lease_holder = NULL, leased_until = NULL
            WHERE id = $1 AND lease_holder = $2 AND position = $3 RETURNING id
          ), ${NOTE}
          SELECT FROM changed`,
      },
      [id, holder, from, note(event, noted), noted.seconds],
    );
  }

  /** Lets go of a webhook. @param position up to which there was nothing for it. */
  async release({ id }: Pick<Claim, 'id'>, { holder }: Lease, from: number, position: number): Promise<void> {
    await this.database.query(
      {
        text: `UPDATE webhooks SET lease_holder = NULL, leased_until = NULL,
                 position = CASE WHEN position = $3 THEN greatest(position, $4) ELSE position END
               WHERE id = $1 AND lease_holder = $2`,
      },
      [id, holder, from, position],
    );
  }
}

interface Noted {
  readonly attempt: Attempt;
  readonly outcome: 'delivered' | 'failed' | 'given_up';
  /** Of the attempt, from 1. */
  readonly number: number;
}

const SECRETS = `ARRAY[secret] || CASE WHEN previous_secret_until > now() THEN ARRAY[previous_secret] ELSE '{}' END AS secrets`;

const DUE = `active AND next_attempt_at <= now() AND (leased_until IS NULL OR leased_until <= now())
  AND EXISTS (SELECT FROM webhook_events WHERE sequence > position)`;

/** Puts the attempt $4 on record for what was `changed`. */
const NOTE = `noted AS (
  INSERT INTO webhook_deliveries (webhook_id, event_id, type, outcome, status, error, duration_ms, attempt)
  SELECT changed.id, note.* FROM changed, jsonb_to_record($4::jsonb) AS note
    (event_id uuid, type text, outcome text, status integer, error text, duration_ms integer, attempt integer)
)`;

function note({ eventId, type }: PendingEvent, { attempt, outcome, number }: Noted): string {
  const { status, error, durationMs } = attempt;
  return JSON.stringify({
    event_id: eventId,
    type,
    outcome,
    status,
    error,
    duration_ms: durationMs,
    attempt: number,
  });
}
