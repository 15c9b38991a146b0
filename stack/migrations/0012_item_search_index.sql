-- outside of a transaction: items can be changed while their index is built.

-- What a try that broke off has left.
DROP INDEX CONCURRENTLY IF EXISTS items_search_words_idx;
CREATE INDEX CONCURRENTLY items_search_words_idx ON items USING gin (search_words(name));
DROP INDEX CONCURRENTLY IF EXISTS items_name_words_idx;
DROP FUNCTION IF EXISTS item_words(text);
