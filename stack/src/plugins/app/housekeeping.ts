import fp from 'fastify-plugin';
import { FLAW_DAYS, IMPORT_DAYS, IMPORTS_WITH_FLAWS } from '../../repositories/imports.js';
import { EVENT_DAYS } from '../../repositories/webhooks.js';

const INTERVAL_MS = 3_600_000;
/** A batch that is over in a moment, however much there is. */
const BATCH = 10_000;

/** How long a key protects from doing something twice. */
const IDEMPOTENCY_KEY_DAYS = 7;

const STALE = [
  `DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
     SELECT ctid FROM idempotency_keys
     WHERE created_at < now() - make_interval(days => ${IDEMPOTENCY_KEY_DAYS}) LIMIT ${BATCH})) RETURNING 1`,
  // A token that is over tells of no reuse any more.
  `DELETE FROM refresh_tokens WHERE ctid = ANY (ARRAY(
     SELECT ctid FROM refresh_tokens WHERE expires_at < now() LIMIT ${BATCH})) RETURNING 1`,
  `DELETE FROM import_errors WHERE ctid = ANY (ARRAY(
     SELECT import_errors.ctid FROM imports JOIN import_errors ON import_id = imports.id
     WHERE finished_at < now() - make_interval(days => ${FLAW_DAYS})
       OR imports.id <= (SELECT id FROM imports ORDER BY id DESC OFFSET ${IMPORTS_WITH_FLAWS} LIMIT 1)
     LIMIT ${BATCH})) RETURNING 1`,
  // By the others, a file that is there at the start is known not to be imported again.
  `DELETE FROM imports WHERE ctid = ANY (ARRAY(
     SELECT ctid FROM imports
     WHERE source = 'upload' AND finished_at < now() - make_interval(days => ${IMPORT_DAYS})
     LIMIT ${BATCH})) RETURNING 1`,
  // Delivered or not: a receiver that is away for longer does not fill the disk.
  ...(
    [
      ['webhook_events', 'occurred_at'],
      ['webhook_outbox', 'occurred_at'],
      ['webhook_deliveries', 'at'],
    ] as const
  ).map(
    ([table, time]) => `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM ${table} WHERE ${time} < now() - make_interval(days => ${EVENT_DAYS}) LIMIT ${BATCH})) RETURNING 1`,
  ),
];

declare module 'fastify' {
  interface FastifyInstance {
    /** Removes what has served its time. @returns how many rows. */
    removeStale(): Promise<number>;
  }
}

/** Removes idempotency keys, refresh tokens, imports and events that have served their time, once an hour. */
export default fp(
  async (app) => {
    app.decorate('removeStale', async () => {
      let removed = 0;
      for (const text of STALE) {
        let batch: unknown[];
        do {
          batch = await app.database.query({ text });
          removed += batch.length;
        } while (batch.length === BATCH);
      }
      return removed;
    });

    const timer = setInterval(() => {
      app.removeStale().then(
        (removed) => app.log.info({ removed }, 'removed stale keys, tokens, imports and events'),
        (error: unknown) =>
          app.log.warn({ err: error }, 'stale keys, tokens, imports and events could not be removed'),
      );
    }, INTERVAL_MS);
    timer.unref();
    app.addHook('onClose', async () => clearInterval(timer));
  },
  { name: 'housekeeping', dependencies: ['repositories'] },
);
