-- Who may do what, and who did.

CREATE TABLE users (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  username text COLLATE "C" NOT NULL,
  password_hash text NOT NULL,
  role text NOT NULL CHECK (role IN ('admin', 'manager', 'viewer')),
  active boolean NOT NULL DEFAULT true,
  -- Access tokens issued before this time are refused.
  credentials_changed_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX users_username_key ON users (lower(username));

CREATE TABLE refresh_tokens (
  -- SHA-256 of the token: whoever reads this table can log in as nobody.
  token_hash bytea PRIMARY KEY,
  family uuid NOT NULL,
  user_id bigint NOT NULL REFERENCES users,
  issued_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  revoked_at timestamptz
);

CREATE INDEX refresh_tokens_family_idx ON refresh_tokens (family);
CREATE INDEX refresh_tokens_user_id_idx ON refresh_tokens (user_id);

CREATE TABLE audit_log (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- NULL is the API itself.
  actor_id bigint,
  request_id text,
  action text NOT NULL,
  entity text NOT NULL,
  entity_id bigint,
  -- The entity after the change, without secrets.
  state jsonb
);

CREATE INDEX audit_log_entity_idx ON audit_log (entity, entity_id, id);

CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
