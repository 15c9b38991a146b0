-- What an import did not take from a file, said rather than left out, and how it read the file.

ALTER TABLE imports
  ADD COLUMN encoding text,
  -- Whose export it was taken for; 'plain' for columns that are named as the API names them.
  ADD COLUMN layout text,
  ADD COLUMN ignored_columns text[] NOT NULL DEFAULT '{}',
  -- Rows that are no items: those of pictures, or of a product whose variants have rows of their own.
  ADD COLUMN skipped_count bigint NOT NULL DEFAULT 0,
  -- Rows whose quantity is not what is in stock. It is opening stock alone, and was not taken.
  ADD COLUMN quantity_ignored_count bigint NOT NULL DEFAULT 0;

ALTER TABLE import_errors
  ADD COLUMN severity text NOT NULL DEFAULT 'error' CHECK (severity IN ('error', 'warning'));
