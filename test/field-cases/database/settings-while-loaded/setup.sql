-- What a load computes depends on the database's settings, secrets too; what ANALYZE computes, on search_path.
ALTER DATABASE pdmain SET TimeZone = 'Asia/Tokyo';
ALTER DATABASE pdmain SET default_text_search_config = 'german';
ALTER DATABASE pdmain SET app.tenant = 'north';
ALTER DATABASE pdmain SET app.secret_key = 'pepper';
SET TimeZone = 'Asia/Tokyo'; SET default_text_search_config = 'german'; SET app.tenant = 'north'; SET app.secret_key = 'pepper';
CREATE TABLE visit (at timestamptz, note text, CHECK (note <> current_setting('app.secret_key')));
INSERT INTO visit VALUES ('2026-01-01 22:00Z', 'die Häuser standen');
CREATE MATERIALIZED VIEW visit_day AS SELECT at::date AS day, to_tsvector(note) AS words, current_setting('app.tenant') AS tenant FROM visit;
CREATE FUNCTION one_more(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
CREATE FUNCTION twice_more(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN one_more(one_more($1)); END';
CREATE TABLE counted (id int, n int); INSERT INTO counted SELECT i, i FROM generate_series(1, 10) i;
CREATE STATISTICS counted_more ON (twice_more(id)), n FROM counted;
