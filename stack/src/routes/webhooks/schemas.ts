import { z } from 'zod';
import { id, list, someOf, timestamp } from '../../fields.js';
import { PENDING_COUNTED } from '../../repositories/webhooks.js';
import { EVENT_TYPES } from '../../webhooks/events.js';

const fields = {
  url: z
    .string()
    .max(2000)
    .regex(/^https?:\/\/[!-~]+$/)
    .meta({
      description: 'Where events are sent to, by POST.',
      examples: ['https://shop.example.com/stock'],
    }),
  events: list(z.enum(EVENT_TYPES), EVENT_TYPES.length).meta({
    description: 'A file, of items or of counts, is one event, import.applied, whatever it changed.',
  }),
  active: z.boolean().meta({ description: 'false: events wait, for seven days.' }),
};

const shown = {
  id,
  url: z.string(),
  events: z.array(z.enum(EVENT_TYPES)),
  active: fields.active,
  pending: z.int().meta({ description: `Events that wait, up to ${PENDING_COUNTED}.` }),
  attempts: z.int().meta({ description: 'That have failed for the next event.' }),
  failing_since: timestamp.nullable(),
  next_attempt_at: timestamp.nullable(),
  last_error: z.string().nullable(),
  last_delivered_at: timestamp.nullable(),
  version: z.int(),
  created_at: timestamp,
  updated_at: timestamp,
};

export const Webhook = z.object(shown).meta({ id: 'Webhook' });

export const WebhookWithSecret = z
  .object({
    ...shown,
    secret: z.string().meta({
      description: 'Signs what is sent, as Standard Webhooks has it. Keep it now: it is never shown again.',
    }),
  })
  .meta({ id: 'WebhookWithSecret' });

export const NewWebhook = z.strictObject({ ...fields, active: fields.active.default(true) }).meta({
  id: 'NewWebhook',
  examples: [{ url: 'https://shop.example.com/stock', events: ['stock.moved'] }],
});

export const WebhookPatch = someOf(fields).meta({ id: 'WebhookPatch', examples: [{ active: false }] });

export const Replay = z
  .strictObject({ from: timestamp.meta({ description: 'Events from this time on are sent again.' }) })
  .meta({ id: 'WebhookReplay', examples: [{ from: '2026-01-31T09:30:00Z' }] });

export const WebhookTest = z
  .object({
    delivered: z.boolean(),
    status: z.int().nullable().meta({ description: 'null: there was no answer.' }),
    error: z.string().nullable(),
    duration_ms: z.int(),
  })
  .meta({ id: 'WebhookTest' });

export const WebhookDelivery = z
  .object({
    id,
    event_id: z.string().meta({ description: 'The webhook-id of what was sent.' }),
    type: z.string(),
    outcome: z.enum(['delivered', 'failed', 'given_up']),
    attempt: z.int(),
    status: z.int().nullable(),
    error: z.string().nullable(),
    duration_ms: z.int(),
    at: timestamp,
  })
  .meta({ id: 'WebhookDelivery' });
