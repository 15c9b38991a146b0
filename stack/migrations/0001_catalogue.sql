-- What is kept in stock, and where. Text that is sorted or unique is compared by bytes ("C"): the order then
-- survives a move to another C library or ICU version, which would silently corrupt an index otherwise.

CREATE TABLE categories (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL CONSTRAINT categories_name_key UNIQUE,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE suppliers (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL CONSTRAINT suppliers_name_key UNIQUE,
  email text,
  phone text,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE locations (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text COLLATE "C" NOT NULL CONSTRAINT locations_code_key UNIQUE,
  name text COLLATE "C" NOT NULL,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- The default location, id 1: where a stock operation or an import that names no location happens.
INSERT INTO locations (code, name) VALUES ('main', 'Main');

CREATE TABLE items (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sku text COLLATE "C" NOT NULL CONSTRAINT items_sku_key UNIQUE,
  name text COLLATE "C" NOT NULL,
  category_id bigint CONSTRAINT items_category_id_fkey REFERENCES categories,
  supplier_id bigint CONSTRAINT items_supplier_id_fkey REFERENCES suppliers,
  unit text NOT NULL DEFAULT 'each',
  unit_price numeric NOT NULL DEFAULT 0
    CHECK (unit_price >= 0 AND unit_price < 1000000000 AND scale(unit_price) <= 4),
  reorder_point bigint NOT NULL DEFAULT 0 CHECK (reorder_point >= 0),
  barcode text COLLATE "C",
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  archived_at timestamptz
);

CREATE UNIQUE INDEX items_barcode_key ON items (barcode) WHERE barcode IS NOT NULL;
CREATE INDEX items_name_idx ON items (name, id);
CREATE INDEX items_category_id_idx ON items (category_id) WHERE category_id IS NOT NULL;
CREATE INDEX items_supplier_id_idx ON items (supplier_id) WHERE supplier_id IS NOT NULL;
-- Of the name alone: every SKU is a word of its own, which would double the cost of an import. The unique index
-- finds the beginning of one as well.
CREATE INDEX items_name_words_idx ON items USING gin (to_tsvector('simple', name));
