-- Keys for machines. A key is an actor as a user is: its id comes from the same sequence, so that the ledger, the audit
-- log and idempotency_keys name one or the other by one number.

CREATE TABLE api_keys (
  id bigint PRIMARY KEY,
  name text COLLATE "C" NOT NULL,
  -- SHA-256 of the key: whoever reads this table can use none.
  key_hash bytea NOT NULL CONSTRAINT api_keys_key_hash_key UNIQUE,
  -- The beginning of the key, by which its owner tells it from others.
  key_start text NOT NULL,
  scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
  created_by bigint,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz
);

-- The name of one that was revoked is free for the next.
CREATE UNIQUE INDEX api_keys_name_key ON api_keys (lower(name)) WHERE revoked_at IS NULL;
