/** What a webhook may be told of. `data` is what the API shows of it: an operation, an entity after its change, an import. */
export const EVENT_TYPES = [
  'stock.moved',
  'item.created',
  'item.updated',
  'item.archived',
  'category.created',
  'category.updated',
  'category.deleted',
  'supplier.created',
  'supplier.updated',
  'supplier.deleted',
  'location.created',
  'location.updated',
  'location.deleted',
  'import.applied',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** The event of a change to an entity; nothing where nobody is told. @param action as the audit log calls it. */
export function eventOf(entity: string, action: string): EventType | undefined {
  return EVENT_TYPES.find((type) => type === `${entity}.${action}d`);
}

/**
 * SQL that puts an event into the outbox, where there is somebody to tell: part of the statement that makes the change.
 *
 * @param data SQL for the event's JSON over the rows of `from`.
 * @param from a table expression with a row for each event.
 */
export function outboxInsert(type: EventType, data: string, from: string): string {
  return `INSERT INTO webhook_outbox (type, data)
    SELECT '${type}', (${data})::json FROM ${from} WHERE EXISTS (SELECT FROM webhooks)`;
}
