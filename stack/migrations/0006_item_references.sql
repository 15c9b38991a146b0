-- What an item refers to, checked once for a statement, as 0005 does for a stock level. A foreign key checks it once
-- for a row: 40 % of the time in which an import creates items with a category and a supplier. The guarantee stays:
-- every category and supplier of an item exists.

ALTER TABLE items
  DROP CONSTRAINT items_category_id_fkey,
  DROP CONSTRAINT items_supplier_id_fkey;

CREATE FUNCTION check_item_references() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wanted bigint[] := ARRAY(SELECT DISTINCT category_id FROM added WHERE category_id IS NOT NULL);
BEGIN
  -- Waits for a removal under way, and keeps off any other until the end of the transaction.
  PERFORM FROM categories WHERE id = ANY (wanted) ORDER BY id FOR KEY SHARE;
  IF (SELECT count(*) FROM categories WHERE id = ANY (wanted)) < cardinality(wanted) THEN
    RAISE EXCEPTION 'an item of no category'
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'items_category_id_fkey';
  END IF;
  wanted := ARRAY(SELECT DISTINCT supplier_id FROM added WHERE supplier_id IS NOT NULL);
  PERFORM FROM suppliers WHERE id = ANY (wanted) ORDER BY id FOR KEY SHARE;
  IF (SELECT count(*) FROM suppliers WHERE id = ANY (wanted)) < cardinality(wanted) THEN
    RAISE EXCEPTION 'an item of no supplier'
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'items_supplier_id_fkey';
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER items_references_of_new AFTER INSERT ON items
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_item_references();
CREATE TRIGGER items_references_of_changed AFTER UPDATE ON items
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_item_references();

-- Now the other side: what items refer to stays, under its number.

CREATE FUNCTION check_category_unused() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM items JOIN removed ON removed.id = category_id) THEN
    RAISE EXCEPTION 'the category has items'
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'categories_in_use';
  END IF;
  RETURN NULL;
END
$$;

CREATE FUNCTION check_supplier_unused() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM items JOIN removed ON removed.id = supplier_id) THEN
    RAISE EXCEPTION 'the supplier has items'
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'suppliers_in_use';
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER categories_unused AFTER DELETE ON categories
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION check_category_unused();
CREATE TRIGGER suppliers_unused AFTER DELETE ON suppliers
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION check_supplier_unused();

CREATE TRIGGER categories_refuse_truncate BEFORE TRUNCATE ON categories
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_operation('items refer to it');
CREATE TRIGGER suppliers_refuse_truncate BEFORE TRUNCATE ON suppliers
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_operation('items refer to it');

-- An identity can be set to its next value.
CREATE TRIGGER categories_keep_id BEFORE UPDATE OF id ON categories
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_operation('items refer to it');
CREATE TRIGGER suppliers_keep_id BEFORE UPDATE OF id ON suppliers
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_operation('items refer to it');
CREATE TRIGGER items_keep_id BEFORE UPDATE OF id ON items
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_operation('stock levels refer to it');
CREATE TRIGGER locations_keep_id BEFORE UPDATE OF id ON locations
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_operation('stock levels refer to it');

-- The check of 0005 with one look at the new levels less: a sixth of the time that an import's levels take.
CREATE OR REPLACE FUNCTION check_level_references() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  places CONSTANT bigint[] := ARRAY(SELECT DISTINCT location_id FROM added);
BEGIN
  IF EXISTS (SELECT FROM added WHERE NOT EXISTS (SELECT FROM items WHERE id = item_id)) THEN
    RAISE EXCEPTION 'a stock level of no item'
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
