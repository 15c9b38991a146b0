-- Files that were offered as inventory, and what was wrong with their rows.

CREATE TABLE imports (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source text NOT NULL CHECK (source IN ('startup', 'upload')),
  mode text NOT NULL CHECK (mode IN ('dry-run', 'atomic', 'partial')),
  -- checked: a dry run; rejected: rows with errors in atomic mode, nothing was changed.
  status text NOT NULL CHECK (status IN ('applied', 'checked', 'rejected')),
  sha256 text NOT NULL,
  bytes bigint NOT NULL,
  row_count bigint NOT NULL,
  created_count bigint NOT NULL,
  updated_count bigint NOT NULL,
  unchanged_count bigint NOT NULL,
  stocked_count bigint NOT NULL,
  error_count bigint NOT NULL,
  actor_id bigint,
  started_at timestamptz NOT NULL,
  finished_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The file named by INVENTORY_CSV_FILEPATH is imported once per content, however many processes start.
CREATE UNIQUE INDEX imports_startup_sha256_key ON imports (sha256) WHERE source = 'startup';

CREATE TABLE import_errors (
  import_id bigint NOT NULL REFERENCES imports,
  row_number bigint NOT NULL,
  column_name text,
  code text NOT NULL,
  message text NOT NULL,
  value text
);

CREATE INDEX import_errors_import_id_idx ON import_errors (import_id, row_number);
