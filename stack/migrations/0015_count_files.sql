-- Files of counts are on record beside files of items. Of a count, updated are the levels that were not as counted.

ALTER TABLE imports ADD COLUMN kind text NOT NULL DEFAULT 'items' CHECK (kind IN ('items', 'counts'));
