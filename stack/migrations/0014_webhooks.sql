-- Who is told of changes, and what they are told: an outbox that is written in the transaction of the change itself.

CREATE TABLE webhooks (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  url text NOT NULL,
  events text[] NOT NULL CHECK (cardinality(events) > 0),
  active boolean NOT NULL DEFAULT true,
  -- As they are: a signature needs the secret itself.
  secret text NOT NULL,
  -- The one before, which signs as well until then.
  previous_secret text,
  previous_secret_until timestamptz,
  -- The sequence of the last event that is done with.
  position bigint NOT NULL,
  -- Of the event after it.
  attempts integer NOT NULL DEFAULT 0,
  failing_since timestamptz,
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  last_error text,
  last_delivered_at timestamptz,
  -- The process that delivers, and until when nobody else does.
  lease_holder uuid,
  leased_until timestamptz,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- Events as they happen. One index, and nearly always empty: it is written by every movement where there is a webhook.
-- Its ids are in the order of changes to one item, since they are taken while the item or its level is locked.
CREATE TABLE webhook_outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id uuid NOT NULL DEFAULT gen_random_uuid(),
  type text NOT NULL,
  data json NOT NULL,
  occurred_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Events in the order of delivery. Ids of the outbox become visible in another order than they were taken; these numbers
-- are given after the commit, by one process at a time. So whoever has seen one has seen all before it.
CREATE SEQUENCE webhook_event_sequence;
CREATE TABLE webhook_events (
  sequence bigint PRIMARY KEY,
  event_id uuid NOT NULL,
  type text NOT NULL,
  data json NOT NULL,
  occurred_at timestamptz NOT NULL
);
CREATE INDEX webhook_events_occurred_at_idx ON webhook_events USING brin (occurred_at);

CREATE TABLE webhook_deliveries (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  webhook_id bigint NOT NULL REFERENCES webhooks ON DELETE CASCADE,
  event_id uuid NOT NULL,
  type text NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('delivered', 'failed', 'given_up')),
  attempt integer NOT NULL,
  status integer,
  error text,
  duration_ms integer NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX webhook_deliveries_webhook_id_idx ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_at_idx ON webhook_deliveries USING brin (at);
