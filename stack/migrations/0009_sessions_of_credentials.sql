-- The credentials that a session was begun with, in microseconds since 1970: a successor that is made while the
-- password changes is void with it.

ALTER TABLE refresh_tokens ADD COLUMN credentials_changed_at bigint NOT NULL DEFAULT 0;

UPDATE refresh_tokens SET credentials_changed_at = (extract(epoch FROM users.credentials_changed_at) * 1000000)::bigint
  FROM users WHERE users.id = user_id;

ALTER TABLE refresh_tokens ALTER COLUMN credentials_changed_at DROP DEFAULT;
