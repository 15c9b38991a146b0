-- The words of a name. PostgreSQL's parser takes USB-C/HDMI for a file and www.example.com/shop for an address, of
-- which nobody finds a part: here every punctuation mark ends a word, as it does in what people search for.

CREATE FUNCTION item_words(name text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN to_tsvector('pg_catalog.simple'::regconfig,
    translate(name, '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', '                                '));

DROP INDEX items_name_words_idx;
CREATE INDEX items_name_words_idx ON items USING gin (item_words(name));
