-- Two rules, two names: an error says which of them stands in the way.

ALTER TABLE stock_levels
  DROP CONSTRAINT stock_levels_on_hand_check,
  ADD CONSTRAINT stock_levels_on_hand_not_negative CHECK (on_hand >= 0),
  -- It keeps every quantity an exact number in JSON (2^53).
  ADD CONSTRAINT stock_levels_on_hand_limit CHECK (on_hand <= 1000000000000);
