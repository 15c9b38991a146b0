-- What is in stock now (stock_levels), and every change that led there (movements).

CREATE TABLE stock_levels (
  item_id bigint NOT NULL REFERENCES items,
  location_id bigint NOT NULL CONSTRAINT stock_levels_location_id_fkey REFERENCES locations,
  on_hand bigint NOT NULL DEFAULT 0,
  reserved bigint NOT NULL DEFAULT 0,
  -- An archived item's levels are closed, so that a movement needs to look at no other table.
  closed boolean NOT NULL DEFAULT false,
  PRIMARY KEY (item_id, location_id),
  -- The upper bound keeps every quantity an exact number in JSON (2^53).
  CONSTRAINT stock_levels_on_hand_check CHECK (on_hand >= 0 AND on_hand <= 1000000000000),
  CONSTRAINT stock_levels_reserved_check CHECK (reserved >= 0 AND reserved <= on_hand)
) WITH (fillfactor = 70);

CREATE SEQUENCE movement_groups;

CREATE TABLE movements (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  group_id bigint NOT NULL,
  -- A level, which refers to item and location. No foreign key of its own: a movement is only ever inserted by the
  -- statement that has just changed its level, levels are never removed, and the check is a third of an import's
  -- time. GET stock/verify would find a movement without its level.
  item_id bigint NOT NULL,
  location_id bigint NOT NULL,
  delta bigint NOT NULL CHECK (delta <> 0),
  balance_after bigint NOT NULL CHECK (balance_after >= 0),
  kind text NOT NULL
    CHECK (kind IN ('receive', 'issue', 'adjust', 'count', 'transfer', 'reversal', 'import')),
  reason text,
  reference text,
  reverses bigint,
  -- No foreign key: its check would lock one user's row in every movement. NULL is the API itself.
  actor_id bigint,
  idempotency_key text,
  -- Not now(): a transaction that waited for a level would be older than the balance that it continues.
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX movements_item_id_idx ON movements (item_id, id);
CREATE INDEX movements_group_id_idx ON movements (group_id);
CREATE INDEX movements_created_at_idx ON movements USING brin (created_at);
CREATE UNIQUE INDEX movements_reverses_key ON movements (reverses, item_id, location_id)
  WHERE reverses IS NOT NULL;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER movements_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON movements
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE idempotency_keys (
  actor_id bigint NOT NULL,
  key text COLLATE "C" NOT NULL,
  -- SHA-256 of method, route and body.
  fingerprint bytea NOT NULL,
  response text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (actor_id, key)
);

CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys USING brin (created_at);
