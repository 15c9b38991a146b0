import type { QueryResultRow } from 'pg';
import type { Database, Session } from '../database/database.js';
import { type EventType, outboxInsert } from '../webhooks/events.js';
import { listPage, type Page } from './keyset.js';

/** Who makes a change: a user in a request, or the API itself. */
export interface Actor {
  readonly userId: number | null;
  readonly requestId: string | null;
}

/** The API itself, at start. */
export const SYSTEM: Actor = { userId: null, requestId: null };

/** Columns whose content no log has. */
const SECRETS = ['password_hash', 'key_hash', 'secret', 'previous_secret']
  .map((column) => `'${column}'`)
  .join(', ');

export interface AuditedChange {
  readonly by: Actor;
  readonly action: string;
  readonly entity: string;
  /** An INSERT, UPDATE or DELETE with `RETURNING *`, of `values`. */
  readonly change: string;
  readonly values: readonly unknown[];
  /** Select list over the changed row, `changed`. */
  readonly answer: string;
  /** What the log says of it: SQL for jsonb over `changed`; without it, its columns. */
  readonly state?: string | undefined;
  /** What webhooks are told of the change: SQL for JSON over `changed`. */
  readonly event?: { readonly type: EventType; readonly data: string } | undefined;
}

/**
 * Makes a change, its line in the audit log and its event as one statement, so that none is there without the others.
 *
 * @returns one row for each changed row.
 */
export function audited<Row extends QueryResultRow>(
  session: Session,
  { by, action, entity, change, values, answer, state = 'to_jsonb(changed)', event }: AuditedChange,
): Promise<Row[]> {
  const [actor, request, actionName, entityName] = [1, 2, 3, 4].map((n) => `$${values.length + n}`);
  return session.query<Row>(
    {
      text: `
        WITH changed AS (${change}),
        logged AS (
          INSERT INTO audit_log (actor_id, request_id, action, entity, entity_id, state)
          SELECT ${actor}::bigint, ${request}::text, ${actionName}::text, ${entityName}::text, changed.id,
            (${state}) - ARRAY[${SECRETS}]
          FROM changed
        )${event ? `, told AS (${outboxInsert(event.type, event.data, 'changed')})` : ''}
        SELECT ${answer} FROM changed`,
    },
    [...values, by.userId, by.requestId, action, entity],
  );
}

export interface AuditQuery {
  readonly limit: number;
  readonly after: { readonly key: string | number; readonly id: number } | undefined;
  readonly entity?: string | undefined;
  readonly entityId?: number | undefined;
  readonly actorId?: number | undefined;
}

/** Who changed what, the newest first. What moved stock is in the ledger. */
export class AuditLog {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  list({ limit, after, entity, entityId, actorId }: AuditQuery): Promise<Page> {
    const conditions: [string, unknown][] = [];
    if (entity !== undefined) conditions.push(['entity = ?', entity]);
    if (entityId !== undefined) conditions.push(['entity_id = ?', entityId]);
    if (actorId !== undefined) conditions.push(['actor_id = ?', actorId]);
    return listPage(this.#database, {
      table: 'audit_log',
      shown: `id, at, actor_id, coalesce(
          (SELECT username FROM users WHERE users.id = actor_id),
          (SELECT name FROM api_keys WHERE api_keys.id = actor_id)) AS actor,
        request_id, action, entity, entity_id, state`,
      column: 'id',
      descending: true,
      limit,
      after,
      conditions,
    });
  }
}
