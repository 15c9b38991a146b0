-- The credentials that a session was begun with, in microseconds since 1970: a successor that is made while the
-- password changes is void with it. A token without, as an older version of the API writes it, is good for no renewal.

ALTER TABLE refresh_tokens ADD COLUMN credentials_changed_at bigint;

UPDATE refresh_tokens SET credentials_changed_at = (extract(epoch FROM users.credentials_changed_at) * 1000000)::bigint
  FROM users WHERE users.id = user_id;
