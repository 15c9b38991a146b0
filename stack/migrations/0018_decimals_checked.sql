-- What 0017 left unread is read, so that a backup has no constraint to tell of. Items can be changed meanwhile.
ALTER TABLE items VALIDATE CONSTRAINT items_decimals_check;
