-- Nothing ever reserved stock, and every movement carried the column along. Its check goes with it.

ALTER TABLE stock_levels DROP COLUMN reserved;
