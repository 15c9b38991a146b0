-- Quantities with decimals. What a level, a movement and a reorder point hold is a whole number of the smallest quantity
-- in which the item is counted, 10^-decimals of its unit. What is stored stays as it is: it has no decimals. NOT VALID,
-- since a table need not be read for what its default fulfils.

ALTER TABLE items
  ADD COLUMN decimals smallint NOT NULL DEFAULT 0,
  ADD CONSTRAINT items_decimals_check CHECK (decimals BETWEEN 0 AND 4) NOT VALID;
-- Its item's, so that a movement needs to look at no other table.
ALTER TABLE stock_levels ADD COLUMN decimals smallint NOT NULL DEFAULT 0;
-- The level's at the time, so that the ledger says the same when the item has got more decimals since.
ALTER TABLE movements ADD COLUMN decimals smallint NOT NULL DEFAULT 0;

-- A level has its item's decimals: where it is opened (the check of 0006, and one word more),
CREATE OR REPLACE FUNCTION check_level_references() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  places CONSTANT bigint[] := ARRAY(SELECT DISTINCT location_id FROM added);
BEGIN
  IF EXISTS (
    SELECT FROM added WHERE NOT EXISTS (
      SELECT FROM items WHERE items.id = added.item_id AND items.decimals = added.decimals
    )
  ) THEN
    RAISE EXCEPTION 'a stock level of no item, or with other decimals than its item'
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'stock_levels_item_id_fkey';
  END IF;
  PERFORM FROM locations WHERE id = ANY (places) ORDER BY id FOR KEY SHARE;
  IF (SELECT count(*) FROM locations WHERE id = ANY (places)) < cardinality(places) THEN
    RAISE EXCEPTION 'a stock level at no location'
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'stock_levels_location_id_fkey';
  END IF;
  RETURN NULL;
END
$$;

-- and when the item gets more of them. Fewer would be a rounding of what is, or was, in stock.
CREATE FUNCTION rescale_levels() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.decimals < OLD.decimals AND EXISTS (SELECT FROM stock_levels WHERE item_id = NEW.id) THEN
    RAISE EXCEPTION 'the item has or had stock: its decimals can be raised, not lowered'
      USING ERRCODE = 'restrict_violation', CONSTRAINT = 'items_decimals_raised';
  END IF;
  -- In the order in which every operation locks them.
  PERFORM FROM stock_levels WHERE item_id = NEW.id ORDER BY location_id FOR UPDATE;
  UPDATE stock_levels
    SET on_hand = on_hand * 10::numeric ^ (NEW.decimals - decimals), decimals = NEW.decimals
    WHERE item_id = NEW.id;
  RETURN NULL;
END
$$;

CREATE TRIGGER items_rescale_levels AFTER UPDATE OF decimals ON items
  FOR EACH ROW WHEN (OLD.decimals <> NEW.decimals) EXECUTE FUNCTION rescale_levels();
