-- What a stock level refers to, checked once for a statement. A foreign key checks it once for a row, which was a
-- quarter of an import's time. The guarantee stays: every level is of an item and a location that exist.

ALTER TABLE stock_levels
  DROP CONSTRAINT stock_levels_item_id_fkey,
  DROP CONSTRAINT stock_levels_location_id_fkey;

CREATE FUNCTION check_level_references() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM added WHERE NOT EXISTS (SELECT FROM items WHERE id = item_id)) THEN
    RAISE EXCEPTION 'a stock level of no item'
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'stock_levels_item_id_fkey';
  END IF;
  -- Waits for a removal under way, and keeps off any other until the end of the transaction.
  PERFORM FROM locations WHERE id IN (SELECT location_id FROM added) ORDER BY id FOR KEY SHARE;
  IF EXISTS (SELECT FROM added WHERE NOT EXISTS (SELECT FROM locations WHERE id = location_id)) THEN
    RAISE EXCEPTION 'a stock level at no location'
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'stock_levels_location_id_fkey';
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER stock_levels_references AFTER INSERT ON stock_levels
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_level_references();

-- Now the other side: what levels refer to stays.

CREATE FUNCTION check_location_unused() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM stock_levels JOIN removed ON removed.id = location_id) THEN
    RAISE EXCEPTION 'the location holds or held stock'
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'stock_levels_location_id_fkey';
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER locations_unused AFTER DELETE ON locations
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION check_location_unused();

-- The API removes no item, and a lock on each item of a new level would cost what the foreign key did. So a removal
-- by hand keeps new levels out instead, until it ends.
CREATE FUNCTION hold_levels() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  LOCK TABLE stock_levels IN SHARE ROW EXCLUSIVE MODE;
  RETURN NULL;
END
$$;

CREATE FUNCTION check_item_unused() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM stock_levels JOIN removed ON removed.id = item_id) THEN
    RAISE EXCEPTION 'the item has or had stock'
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'stock_levels_item_id_fkey';
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER items_hold_levels BEFORE DELETE ON items FOR EACH STATEMENT EXECUTE FUNCTION hold_levels();
CREATE TRIGGER items_unused AFTER DELETE ON items
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION check_item_unused();

CREATE FUNCTION refuse_operation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % refused: %', TG_OP, TG_TABLE_NAME, TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER items_refuse_truncate BEFORE TRUNCATE ON items
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_operation('stock levels refer to it');
CREATE TRIGGER locations_refuse_truncate BEFORE TRUNCATE ON locations
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_operation('stock levels refer to it');
-- No UPDATE can choose an identity, as the ids of items and locations are. A level could be taken elsewhere.
CREATE TRIGGER stock_levels_stay BEFORE UPDATE OF item_id, location_id ON stock_levels
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_operation('stock moves by movements');
