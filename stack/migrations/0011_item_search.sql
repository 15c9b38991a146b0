-- What people type finds what a name has: creme the Crème, strasse the Straße, a full-width USB the USB, and a part of a
-- Chinese or Japanese name, in which no spaces tell the words apart, the name.

-- A name in plain letters. PostgreSQL knows Unicode in a UTF8 database alone: in one of another encoding a name stays
-- as it is. It looks for itself, since a dump may be restored into another encoding; for the same reason a character
-- beyond ASCII is a number here.
CREATE FUNCTION plain_letters(name text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  IF getdatabaseencoding() <> 'UTF8' THEN
    RETURN name;
  END IF;
  RETURN regexp_replace(
    -- Together again: Hangul and Kana, which NFKD takes apart.
    normalize(
      regexp_replace(
        replace(replace(replace(replace(replace(replace(replace(replace(
          translate(normalize(name, NFKD),
            -- O, L, D with a stroke, eth, H with a stroke, the dotless i
            chr(216) || chr(248) || chr(321) || chr(322) || chr(272) || chr(273) || chr(208) || chr(240)
              || chr(294) || chr(295) || chr(305),
            'OoLlDdDdHhi'),
          chr(223), 'ss'), chr(7838), 'ss'), chr(198), 'ae'), chr(230), 'ae'), chr(338), 'oe'), chr(339), 'oe'),
          chr(222), 'th'), chr(254), 'th'),
        '[\u0300-\u036f]', '', 'g'),
      NFC),
    -- A Chinese character or Kana is a word.
    '([\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U000323af])', ' \1 ', 'g');
END $$;

-- A text as words between spaces: punctuation ends a word. Where all characters are ASCII, or no more than a byte each,
-- nothing else is to be done: most names cost an import no more. A regular expression costs a tenth of translate().
CREATE FUNCTION searchable(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN regexp_replace(
    CASE WHEN octet_length(name) = length(name) THEN name ELSE plain_letters(name) END,
    '[!-/:-@[-`{-~]+', ' ', 'g');

CREATE FUNCTION search_words(name text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN to_tsvector('pg_catalog.simple'::regconfig, searchable(name));
